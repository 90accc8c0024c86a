package garbage

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/store"
)

// Collector collects the garbage of one store. Fill in the fields, then call Run,
// once. Of all processes on one store, one may collect at a time; two do no harm but work.
type Collector struct {
	Store store.Store
	// Kinds are those that the program serves by itself. Those of CustomResourceDefinitions are found.
	Kinds []Kind
	// MayDelete is asked before anything is deleted, as the API asks; nil allows all.
	MayDelete func(api.Key) error
	// Notify tells the owner of an object about it; nil is silent.
	Notify func(about *api.Object, notice reconcile.Notice)
	Log    *slog.Logger // nil is silent
	// Workers is how many objects may be worked on at once; 32 when 0.
	Workers int
}

// The delays between tries of what failed.
const (
	retryFirst = 20 * time.Millisecond
	retryMost  = 30 * time.Second
)

// by names the collector as the writer of what it changes.
const by = "garbage collector"

// collection is one Run.
type collection struct {
	*Collector
	graph  *graph
	kinds  *kinds
	queue  workqueue.TypedRateLimitingInterface[types.UID]
	absent absent
	feeds  sync.WaitGroup
}

// Run collects until ctx ends. It writes nothing while there is nothing to collect.
func (g *Collector) Run(ctx context.Context) error {
	limits := workqueue.NewTypedItemExponentialFailureRateLimiter[types.UID](retryFirst, retryMost)
	c := &collection{Collector: g, graph: newGraph(), kinds: newKinds(), queue: workqueue.NewTypedRateLimitingQueue(limits)}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer c.feeds.Wait()
	defer cancel()
	c.start(ctx)
	if !c.synced(ctx) {
		return nil
	}
	var workers sync.WaitGroup
	for range cmp.Or(g.Workers, 32) {
		workers.Go(func() { c.work(ctx) })
	}
	<-ctx.Done()
	c.queue.ShutDown()
	workers.Wait()
	return nil
}

// work examines what is in the queue until it is shut down.
func (c *collection) work(ctx context.Context) {
	for {
		uid, over := c.queue.Get()
		if over {
			return
		}
		switch err := c.examine(ctx, uid); {
		case err == nil:
			c.queue.Forget(uid)
		case ctx.Err() != nil:
		default:
			if !errors.Is(err, api.ErrConflict) && !errors.Is(err, api.ErrNotFound) {
				c.Log.Warn("garbage could not be collected; it is tried again", "uid", uid, "error", err)
			}
			c.queue.AddRateLimited(uid)
		}
		c.queue.Done(uid)
	}
}

// look has objects examined soon.
func (c *collection) look(uids []types.UID) {
	for _, uid := range uids {
		c.queue.Add(uid)
	}
}
