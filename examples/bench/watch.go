package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// watchCase is a row of the table of watches: so many watchers, and one writer at so many writes a second.
type watchCase struct {
	name     string
	watchers int
	rate     int
	target   target
	open     func(ctx context.Context, s *stage, object string) (*scene, error)
}

// scene is a writer, and those who watch what it writes.
type scene struct {
	server *server // whose processor time is told; nil for none
	// write changes an object and returns the revision when it is answered.
	write func(ctx context.Context, n int) (revision int64, err error)
	// watch starts one watcher after a revision; it calls saw for every event until ctx ends.
	watch func(ctx context.Context, after int64, saw func(revision int64)) (run func() error, err error)
}

func watchCases(largest int) []watchCase {
	return []watchCase{
		{"store same server", 1, 200, target{}, storeScene(false)},
		{"store same server", 100, 200, target{p99: 100 * time.Microsecond}, storeScene(false)},
		{"store other server", 1, 200, target{p50: 300 * time.Microsecond, p99: 500 * time.Microsecond}, storeScene(true)},
		{"store other server", 100, 200, target{}, storeScene(true)},
		{"HTTP same server", 1, 200, target{}, httpScene(false)},
		{"HTTP same server", 100, 200, target{p50: 500 * time.Microsecond, p99: 5 * time.Millisecond}, httpScene(false)},
		{"HTTP same server", largest, 10, target{p50: 5 * time.Millisecond, p99: 25 * time.Millisecond}, httpScene(false)},
		{"HTTP other server", 1, 200, target{p50: time.Millisecond, p99: 10 * time.Millisecond}, httpScene(true)},
		{"HTTP other server", 100, 200, target{p50: time.Millisecond, p99: 10 * time.Millisecond}, httpScene(true)},
		{"HTTP other server", largest, 10, target{}, httpScene(true)},
	}
}

// measureWatches prints how long after the answer to a write its event comes.
func measureWatches(ctx context.Context, b *bench) error {
	stage, err := b.newStage(ctx)
	if err != nil {
		return err
	}
	defer stage.close()
	t := newTable("", "watchers", "writes/s", "events", "p50 ms", "p99 ms", "max ms", "CPU us an event: server", "client", "target", "")
	for i, c := range watchCases(b.watchers) {
		if !b.selects(c.name) {
			continue
		}
		fmt.Fprintf(b.progress, "watch: %s, %d watchers\n", c.name, c.watchers)
		m, err := b.measureWatch(ctx, stage.beside(), c, fmt.Sprint("watched-", i))
		if err != nil {
			return fmt.Errorf("%s, %d watchers: %w", c.name, c.watchers, err)
		}
		t.add(c.name, c.watchers, c.rate, len(m.late), ms(quantile(m.late, 0.5)), ms(quantile(m.late, 0.99)), ms(m.late[len(m.late)-1]),
			micros(m.cpu), micros(m.clientCPU), c.target, c.target.verdict(0, quantile(m.late, 0.5), quantile(m.late, 0.99)))
	}
	return t.print(b.out)
}

// lateness is how long after the answers events came.
type lateness struct {
	late           []time.Duration // sorted
	cpu, clientCPU time.Duration   // an event
}

// measureWatch runs one case, with an object and servers of its own.
func (b *bench) measureWatch(ctx context.Context, stage *stage, c watchCase, object string) (lateness, error) {
	defer stage.close()
	s, err := c.open(ctx, stage, object)
	if err != nil {
		return lateness{}, err
	}
	first, err := s.write(ctx, 0)
	if err != nil {
		return lateness{}, err
	}
	crowd, err := gather(ctx, c.watchers, first, s)
	if err != nil {
		return lateness{}, err
	}
	writes := max(5, int(2*b.window.Seconds()*float64(c.rate)))
	u := usageSince(s.server)
	answered, err := paced(ctx, writes, c.rate, s.write)
	if err == nil {
		err = crowd.await(ctx, slices.Max(slices.Collect(maps.Keys(answered))))
	}
	m := lateness{late: crowd.late(answered)}
	m.cpu, m.clientCPU = u.each(len(m.late))
	crowd.leave()
	if err == nil && len(m.late) < writes*c.watchers {
		err = fmt.Errorf("%d events came of %d", len(m.late), writes*c.watchers)
	}
	return m, err
}

// paced writes at a rate, and returns when each write was answered, by its revision.
func paced(ctx context.Context, writes, rate int, write func(context.Context, int) (int64, error)) (map[int64]time.Time, error) {
	answered := map[int64]time.Time{}
	ticks := time.NewTicker(time.Second / time.Duration(rate))
	defer ticks.Stop()
	for n := range writes {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ticks.C:
		}
		revision, err := write(ctx, n+1)
		if err != nil {
			return nil, err
		}
		answered[revision] = time.Now()
	}
	return answered, nil
}
