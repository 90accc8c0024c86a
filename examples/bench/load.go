package main

import (
	"context"
	"slices"
	"sync"
	"time"
)

// work is what a client does again and again; n grows with every call of one client.
type work func(ctx context.Context, client, n int) error

// sample is what one measurement came to.
type sample struct {
	rate     float64 // calls a second, of all clients
	p50, p99 time.Duration
	calls    int // warm-up included
}

// load has clients work for a while, each beginning with its next call when the last is
// answered. The first part is to warm up and does not count.
func load(ctx context.Context, clients int, window time.Duration, do work) (sample, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	from := time.Now().Add(window / 5)
	until := from.Add(window)
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		all   []time.Duration
		calls int
		first error
	)
	for c := range clients {
		group.Go(func() {
			took, n, err := work1(ctx, c, from, until, do)
			mu.Lock()
			defer mu.Unlock()
			all, calls = append(all, took...), calls+n
			if err != nil && first == nil {
				first = err
				cancel()
			}
		})
	}
	group.Wait()
	return sampleOf(all, calls, window), first
}

// work1 is one client; it returns how long the calls took that ended within the time,
// at least one, and how many there were in all.
func work1(ctx context.Context, client int, from, until time.Time, do work) (took []time.Duration, n int, err error) {
	for began := time.Now(); began.Before(until) || len(took) == 0; n++ {
		if err := do(ctx, client, n); err != nil {
			return took, n, err
		}
		ended := time.Now()
		if ended.After(from) && (ended.Before(until) || len(took) == 0) {
			took = append(took, ended.Sub(began))
		}
		began = ended
	}
	return took, n, nil
}

func sampleOf(all []time.Duration, calls int, window time.Duration) sample {
	slices.Sort(all)
	return sample{rate: float64(len(all)) / window.Seconds(), p50: quantile(all, 0.5), p99: quantile(all, 0.99), calls: calls}
}

// quantile of sorted values.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// median of values in any order; 0 of none.
func median[T float64 | time.Duration](values []T) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
