package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

// crowd is the watchers of a scene and what each saw.
type crowd struct {
	cancel  context.CancelFunc
	running sync.WaitGroup
	all     []*watcher
}

// watcher is one of them; each has a lock of its own, so that they don't wait for each other.
type watcher struct {
	mu   sync.Mutex
	saw  []sight
	fail error
}

// sight is when the event of a revision came.
type sight struct {
	revision int64
	at       time.Time
}

func (w *watcher) see(revision int64) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.saw = append(w.saw, sight{revision, now})
}

// state is the last revision that the watcher saw, and why it ended, if it did.
func (w *watcher) state() (last int64, fail error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.saw) > 0 {
		last = w.saw[len(w.saw)-1].revision
	}
	return last, w.fail
}

// gather starts watchers after a revision.
func gather(ctx context.Context, watchers int, after int64, s *scene) (*crowd, error) {
	ctx, cancel := context.WithCancel(ctx)
	c := &crowd{cancel: cancel}
	for range watchers {
		w := &watcher{}
		run, err := s.watch(ctx, after, w.see)
		if err != nil {
			c.leave()
			return nil, err
		}
		c.all = append(c.all, w)
		c.running.Go(func() {
			if err := run(); err != nil && ctx.Err() == nil {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.fail = err
			}
		})
	}
	return c, nil
}

// await returns when all watchers have seen a revision.
func (c *crowd) await(ctx context.Context, revision int64) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for n, w := range c.all {
		for {
			last, fail := w.state()
			if fail != nil {
				return fail
			}
			if last >= revision {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("watcher %d of %d came to revision %d of %d: %w", n+1, len(c.all), last, revision, ctx.Err())
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	return nil
}

// late is how long after the answer of its write each event came; 0 when it was faster than the answer.
func (c *crowd) late(answered map[int64]time.Time) (all []time.Duration) {
	for _, w := range c.all {
		w.mu.Lock()
		for _, s := range w.saw {
			if a, ok := answered[s.revision]; ok {
				all = append(all, max(0, s.at.Sub(a)))
			}
		}
		w.mu.Unlock()
	}
	slices.Sort(all)
	return all
}

func (c *crowd) leave() {
	c.cancel()
	c.running.Wait()
}

func revisionOf(version string) (int64, error) { return strconv.ParseInt(version, 10, 64) }
