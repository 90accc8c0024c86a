package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// idleCPU is how much of a processor a server may use while nothing happens.
const idleCPU = 0.02

// measureMany prints what a server is like with very many objects.
func measureMany(ctx context.Context, b *bench) error {
	before, err := b.updatesAlone(ctx)
	if err != nil {
		return err
	}
	stage, err := b.newStage(ctx)
	if err != nil {
		return err
	}
	defer stage.close()
	if err := stage.fill(ctx, b.many, managed); err != nil {
		return err
	}
	p, err := stage.server(ctx)
	if err != nil {
		return err
	}
	t := newTable(fmt.Sprintf("%d objects", b.many), "", "target", "")
	t.add("start-up, ms", ms(p.startup), "", "")
	started, _ := p.rss()
	t.add("memory when ready, MiB", mib(started), "", "")
	if err := b.idle(ctx, p, t); err != nil {
		return err
	}
	after, err := b.updatesOn(ctx, stage, p)
	if err != nil {
		return err
	}
	t.add("updates/s with 8 clients (without the objects)", fmt.Sprintf("%s (%s)", round(after.rate), round(before.rate)), "", "")
	t.add("their p99, ms (without the objects)", fmt.Sprintf("%s (%s)", ms(after.p99), ms(before.p99)), "", "")
	if err := b.wholeList(ctx, p, t); err != nil {
		return err
	}
	now, most := p.rss()
	t.add("memory then, and at most, MiB", mib(now)+", "+mib(most), "", "")
	return t.print(b.out)
}

// updatesAlone measures updates where there is nothing else.
func (b *bench) updatesAlone(ctx context.Context) (measured, error) {
	stage, err := b.newStage(ctx)
	if err != nil {
		return measured{}, err
	}
	defer stage.close()
	p, err := stage.server(ctx)
	if err != nil {
		return measured{}, err
	}
	return b.updatesOn(ctx, stage, p)
}

// updatesOn measures updates by 8 clients.
func (b *bench) updatesOn(ctx context.Context, stage *stage, p *server) (measured, error) {
	f := &field{stage: stage, server: p}
	return f.measure(ctx, writer{"updates", nil, httpWrites(update)}, 8, b.window)
}

// idle measures what the server uses while it is watched and nothing happens.
func (b *bench) idle(ctx context.Context, p *server, t *table) error {
	fmt.Fprintln(b.progress, "idle")
	revision, err := p.revision(ctx)
	if err != nil {
		return err
	}
	const watchers = 100
	crowd, err := gather(ctx, watchers, revision, &scene{watch: func(ctx context.Context, after int64, saw func(int64)) (func() error, error) {
		return followHTTP(ctx, p, after, saw)
	}})
	if err != nil {
		return err
	}
	defer crowd.leave()
	time.Sleep(2 * b.window) // what the start left behind
	from, began := p.cpu(), time.Now()
	time.Sleep(10 * b.window)
	used := (p.cpu() - from).Seconds() / time.Since(began).Seconds()
	t.add(fmt.Sprintf("idle with %d watchers, %% of a CPU", watchers), fmt.Sprintf("%.1f", 100*used), fmt.Sprintf("<= %g", 100*idleCPU), metIf(used <= idleCPU))
	return nil
}

// revision is the latest one of the store.
func (p *server) revision(ctx context.Context) (int64, error) {
	conn, err := p.connect()
	if err != nil {
		return 0, err
	}
	defer conn.close()
	answer, err := conn.ask(ctx, http.MethodGet, collection+"?limit=1", "", nil)
	if err != nil {
		return 0, err
	}
	return revisionOf(stringField(answer, "resourceVersion"))
}

// wholeList reads all objects in one request, twice: the second time they have been encoded before.
func (b *bench) wholeList(ctx context.Context, p *server, t *table) error {
	conn, err := p.connect()
	if err != nil {
		return err
	}
	defer conn.close()
	var took [2]time.Duration
	for i := range took {
		began := time.Now()
		if _, err := conn.ask(ctx, http.MethodGet, collection, "", nil); err != nil {
			return err
		}
		took[i] = time.Since(began)
	}
	t.add("list of all, ms: first, again", ms(took[0])+", "+ms(took[1]), "", "")
	return nil
}
