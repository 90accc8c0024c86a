package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/postgres/yardstick"
)

// listTimes is how often a list is read; the first time is told apart, the median is that of the others.
const listTimes = 10

const (
	listTarget   = 100 * time.Millisecond
	sqlTarget    = 30 * time.Millisecond
	memoryTarget = 150 << 20
)

// lister is one way to read all objects; it returns how many bytes came, if it knows.
type lister struct {
	name   string
	target time.Duration
	read   func(context.Context) (bytes int, err error)
}

// measureLists prints how long lists of many objects take, and what they leave in the server's memory.
func measureLists(ctx context.Context, b *bench) error {
	stage, err := b.newStage(ctx)
	if err != nil {
		return err
	}
	defer stage.close()
	if err := stage.fill(ctx, b.objects, managed); err != nil {
		return err
	}
	t := newTable(fmt.Sprintf("%d objects", b.objects), "first ms", "median ms", "max ms", "MB", "target", "")
	if err := b.listInStore(ctx, stage, t); err != nil {
		return err
	}
	p, err := stage.server(ctx, "--roles", "api")
	if err != nil {
		return err
	}
	started, _ := p.rss()
	if err := b.listOverHTTP(ctx, p, t); err != nil {
		return err
	}
	if err := t.print(b.out); err != nil {
		return err
	}
	return b.printMemory(p, started)
}

func (b *bench) listInStore(ctx context.Context, stage *stage, t *table) error {
	beside := stage.beside()
	defer beside.close()
	s, err := beside.store(ctx)
	if err != nil {
		return err
	}
	for _, l := range []lister{
		{"rows from PostgreSQL", sqlTarget, func(ctx context.Context) (int, error) {
			n, err := yardstick.ReadObjects(ctx, stage.dsn, kind)
			return 0, b.all(n, err)
		}},
		{"store", 0, func(ctx context.Context) (int, error) {
			list, err := s.List(ctx, kind, store.ListOptions{})
			return 0, b.all(len(list.Items), err)
		}},
		{"open a store", 0, func(ctx context.Context) (int, error) {
			again := stage.beside()
			defer again.close()
			_, err := again.store(ctx)
			return 0, err
		}},
	} {
		if err := b.measureList(ctx, l, t); err != nil {
			return err
		}
	}
	return nil
}

// all checks that a list was whole.
func (b *bench) all(n int, err error) error {
	if err == nil && n != b.objects {
		err = fmt.Errorf("%d objects came of %d", n, b.objects)
	}
	return err
}

func (b *bench) listOverHTTP(ctx context.Context, p *server, t *table) error {
	conn, err := p.connect()
	if err != nil {
		return err
	}
	defer conn.close()
	get := func(query, headers string) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			answer, err := conn.ask(ctx, http.MethodGet, collection+query, headers, nil)
			return len(answer), err
		}
	}
	for _, l := range []lister{
		{"HTTP", listTarget, get("", "")},
		{"HTTP, any state (resourceVersion=0)", listTarget, get("?resourceVersion=0", "")},
		{"HTTP, pages of 500", 0, func(ctx context.Context) (int, error) { return pages(ctx, conn, 500) }},
		{"HTTP, gzip", 0, get("", "Accept-Encoding: gzip\r\n")},
		{"HTTP, table", 0, get("", "Accept: application/json;as=Table;v=v1;g=meta.k8s.io\r\n")},
	} {
		if err := b.measureList(ctx, l, t); err != nil {
			return err
		}
	}
	return nil
}

// pages reads a list page by page.
func pages(ctx context.Context, conn *connection, limit int) (bytes int, err error) {
	for more := ""; ; {
		answer, err := conn.ask(ctx, http.MethodGet, fmt.Sprintf("%s?limit=%d&continue=%s", collection, limit, more), "", nil)
		bytes += len(answer)
		if err != nil {
			return bytes, err
		}
		if more = stringField(answer[:min(len(answer), 1000)], "continue"); more == "" {
			return bytes, nil
		}
	}
}

func (b *bench) measureList(ctx context.Context, l lister, t *table) error {
	fmt.Fprintln(b.progress, "list:", l.name)
	var took []time.Duration
	size := 0
	for range listTimes + 1 {
		began := time.Now()
		var err error
		if size, err = l.read(ctx); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		took = append(took, time.Since(began))
	}
	first, mid := took[0], median(took[1:])
	goal := target{p50: l.target}
	mb := ""
	if size > 0 {
		mb = fmt.Sprintf("%.1f", float64(size)/1e6)
	}
	t.add(l.name, ms(first), ms(mid), ms(slices.Max(took[1:])), mb, goal.most(), goal.verdict(0, mid, 0))
	return nil
}

// printMemory prints what the server held when it was ready, and holds after the lists.
func (b *bench) printMemory(p *server, started int64) error {
	now, most := p.rss()
	t := newTable(fmt.Sprintf("memory, %d objects", b.objects), "MiB", "target", "")
	t.add("ready", mib(started), "", "")
	t.add("after the lists", mib(now), "<= "+mib(memoryTarget), metIf(now <= memoryTarget))
	t.add("at most", mib(most), "", "")
	return t.print(b.out)
}

func mib(bytes int64) string { return round(float64(bytes) / (1 << 20)) }
