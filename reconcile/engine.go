package reconcile

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// engine is what a Manager sets up and runs.
type engine struct {
	err         error // of the set-up
	store       store.Store
	log         *slog.Logger
	metrics     *metrics
	reads       *reads
	recorder    *recorder
	controllers map[string]*controller
	workers     int
	passTimeout time.Duration
	grace       time.Duration
	stopping    chan struct{} // closed when no pass is started any more

	mu    sync.Mutex
	feeds map[string]*feed
	begin func(*feed)
}

// run is Manager.Run. Its order matters at the end: passes first, as they may
// still begin feeds and record events; then all that serves them.
func (e *engine) run(ctx context.Context) {
	var background, workers sync.WaitGroup
	served, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	passes, stopPasses := context.WithCancel(context.WithoutCancel(ctx))
	defer stopPasses()

	e.startFeeds(ctx, &background)
	background.Go(func() { e.recorder.run(served) })
	for _, c := range e.controllers {
		for range e.workers {
			workers.Go(func() { c.work(passes) })
		}
		for _, source := range c.kind.options.sources {
			background.Go(func() { e.listen(ctx, c.kind.Name, source) })
		}
	}

	<-ctx.Done()
	close(e.stopping)
	for _, c := range e.controllers {
		c.queue.close()
	}
	e.drain(&workers, stopPasses)
	stopServing()
	background.Wait()
}

// drain waits for the running passes, and ends their context when grace is over.
func (e *engine) drain(workers *sync.WaitGroup, stop context.CancelFunc) {
	late := time.AfterFunc(e.grace, func() {
		e.log.Warn("passes are still running after the grace period; ending them", "grace", e.grace)
		stop()
	})
	defer late.Stop()
	workers.Wait()
}

func (e *engine) startFeeds(ctx context.Context, group *sync.WaitGroup) {
	e.mu.Lock()
	e.begin = func(f *feed) { group.Go(func() { f.run(ctx) }) }
	for _, f := range e.feeds { // asked for before Run
		e.begin(f)
	}
	e.mu.Unlock()
	for kind := range e.controllers {
		e.feedOf(kind)
	}
}

// feedOf is the feed of a kind; the first call begins it.
func (e *engine) feedOf(kind string) *feed {
	e.mu.Lock()
	defer e.mu.Unlock()
	f := e.feeds[kind]
	if f == nil {
		f = &feed{
			kind: kind, store: e.store, log: e.log, tell: e.changed,
			synced: make(chan struct{}), marks: map[api.Key]*mark{},
		}
		e.feeds[kind] = f
		if e.begin != nil {
			e.begin(f)
		}
	}
	return f
}

// follow returns once the feed of a kind tells changes. When the engine is
// stopping it does not matter any more.
func (e *engine) follow(ctx context.Context, kind string) error {
	select {
	case <-e.feedOf(kind).synced:
		return nil
	case <-e.stopping:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// changed is where every feed tells its changes.
func (e *engine) changed(c change) {
	if own := e.controllers[c.key.Kind]; own != nil {
		own.changed(c)
	}
	for key, wake := range e.reads.changed(c) {
		if reader := e.controllers[key.Kind]; reader != nil {
			reader.wake(key, wake)
		}
	}
}

// listen runs a source of hints, again after a while when it ends before its time.
func (e *engine) listen(ctx context.Context, kind string, source Source) {
	hint := func(key api.Key) {
		if c := e.controllers[key.Kind]; c != nil {
			c.ask(key, 0)
		}
	}
	for failures := 1; ctx.Err() == nil; failures++ {
		began := time.Now()
		err := source(ctx, hint)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > backoffMost {
			failures = 1
		}
		e.log.Warn("a source of hints ended", "kind", kind, "error", err)
		sleep(ctx, backoff(failures))
	}
}
