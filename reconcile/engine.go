package reconcile

import (
	"context"
	"fmt"
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
	duties      []Duty
	slots       *slots
	members     store.Members // nil: alone
	name        string        // as a member
	refused     chan struct{} // told, when a fenced write was refused
	workers     int
	passTimeout time.Duration
	grace       time.Duration
	stopping    chan struct{} // closed when no pass is started any more

	mu    sync.Mutex
	feeds map[string]*feed
	begin func(*feed)
}

// run is Manager.Run. Its order matters at the end: passes and duties first, as they may
// still begin feeds and record events; then all that serves them; and the membership, by which
// all they write is fenced, last.
func (e *engine) run(ctx context.Context) {
	var background, workers sync.WaitGroup
	served, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	passes, stopPasses := context.WithCancel(context.WithoutCancel(ctx))
	defer stopPasses()

	e.startFeeds(ctx, &background)
	background.Go(func() { e.recorder.run(served) })
	leave := e.join(ctx, passes)
	e.startWork(ctx, &workers, &background)

	<-ctx.Done()
	close(e.stopping)
	e.slots.close()
	for _, c := range e.controllers {
		c.queue.close()
	}
	e.drain(&workers, stopPasses)
	stopServing()
	background.Wait()
	leave()
}

// join makes this process one of those who share the work, or the one that does it all. The caller
// calls leave when no work goes on any more.
func (e *engine) join(ctx, passes context.Context) (leave func()) {
	if e.members == nil {
		e.slots.resume(passes, "")
		e.gain(allSlots())
		return func() {}
	}
	m := &membership{engine: e, drained: make(chan struct{})}
	left := make(chan store.Member)
	go func() { left <- m.run(ctx, passes) }()
	return func() {
		close(m.drained)
		if member := <-left; member != nil {
			m.leave(member)
		}
	}
}

// startWork starts what takes turns, does duties and hints.
func (e *engine) startWork(ctx context.Context, workers, background *sync.WaitGroup) {
	for _, c := range e.controllers {
		workers.Go(c.work)
		for _, source := range c.kind.options.sources {
			background.Go(func() { e.listen(ctx, c.kind.Name, source) })
		}
	}
	for _, duty := range e.duties {
		workers.Go(func() { e.serve(duty) })
	}
}

// gain takes in slots; each of their keys gets a pass.
func (e *engine) gain(list []int) {
	gained := e.slots.gain(list)
	if len(gained) == 0 {
		return
	}
	e.metrics.handovers.WithLabelValues("gained").Add(float64(len(gained)))
	for _, c := range e.controllers {
		c.gained(gained)
	}
}

// forget drops what is kept about the keys of slots in which nothing goes on any more.
func (e *engine) forget(given map[int]bool) {
	for _, c := range e.controllers {
		c.forget(given)
	}
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

// allSynced waits until every kind has been listed.
func (e *engine) allSynced(ctx context.Context) error {
	for kind := range e.controllers {
		select {
		case <-e.feedOf(kind).synced:
		case <-ctx.Done():
			return fmt.Errorf("objects of kind %s have not been listed: %w", kind, ctx.Err())
		}
	}
	return nil
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
