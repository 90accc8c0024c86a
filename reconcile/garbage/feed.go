package garbage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// feed tells the graph of every change of one kind in the store.
type feed struct {
	c      *collection
	kind   string
	known  map[types.UID]*api.Object // of definitions; else only the uids
	at     atomic.Int64              // every change up to this revision is in the graph
	synced chan struct{}             // closed after the first list
	stop   context.CancelFunc
	done   chan struct{} // closed when it has stopped
}

// start follows the kinds there are; definitions bring the others.
func (c *collection) start(ctx context.Context) {
	for _, kind := range append([]Kind{{Name: definitions}}, c.Kinds...) {
		c.follow(ctx, kind)
	}
}

// follow starts the feed of a kind that has none.
func (c *collection) follow(ctx context.Context, kind Kind) {
	f := c.add(kind)
	if f == nil {
		return
	}
	ctx, f.stop = context.WithCancel(ctx)
	c.feeds.Go(func() {
		defer close(f.done)
		f.run(ctx)
	})
}

// synced waits until all that there is at the start is in the graph; false when ctx ended before.
func (c *collection) synced(ctx context.Context) bool {
	for _, kind := range append([]Kind{{Name: definitions}}, c.Kinds...) {
		f := c.kinds.feedOf(kind.stored())
		if f == nil {
			continue
		}
		select {
		case <-f.synced:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// run follows the kind until it is stopped; what was known of it is forgotten then.
func (f *feed) run(ctx context.Context) {
	wait := retryFirst
	for ctx.Err() == nil {
		began := time.Now()
		err := f.follow(ctx)
		if ctx.Err() != nil {
			break
		}
		if time.Since(began) > retryMost {
			wait = retryFirst
		}
		if !errors.Is(err, api.ErrExpired) {
			f.c.Log.Warn("following a kind for its garbage was interrupted", "kind", f.kind, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, retryMost)
	}
	for uid := range f.known {
		f.c.look(f.c.graph.remove(uid))
	}
}

func (f *feed) follow(ctx context.Context) error {
	list, err := f.c.Store.List(ctx, f.kind, store.ListOptions{})
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	f.replace(ctx, list)
	for event, err := range f.c.Store.Watch(ctx, f.kind, list.Revision, store.WatchOptions{}) {
		if err != nil {
			return fmt.Errorf("watch: %w", err)
		}
		if event.Type == store.Deleted {
			f.remove(event.Object.UID)
		} else {
			f.set(ctx, event.Object)
		}
		f.at.Store(int64(event.Revision))
	}
	return errors.New("the watch ended")
}

// replace takes in a list of all that there is, and has everything examined that names an
// object of the kind which is not there.
func (f *feed) replace(ctx context.Context, list store.List) {
	gone := maps.Clone(f.known)
	for _, obj := range list.Items {
		delete(gone, obj.UID)
		f.set(ctx, obj)
	}
	for uid := range gone {
		f.remove(uid)
	}
	f.at.Store(int64(list.Revision))
	f.c.look(f.c.graph.naming(f.kind))
	select {
	case <-f.synced:
	default:
		close(f.synced)
	}
}

func (f *feed) set(ctx context.Context, obj *api.Object) {
	f.known[obj.UID] = nil
	if f.kind == definitions {
		f.known[obj.UID] = obj
		f.c.define(ctx, obj)
	}
	look, found := f.c.graph.set(nodeOf(obj))
	f.c.look(look)
	f.c.report(found)
}

func (f *feed) remove(uid types.UID) {
	if crd := f.known[uid]; crd != nil {
		if kind, ok := defined(crd); ok && !f.c.builtin(kind.Name) {
			f.c.drop(kind.Name)
		}
	}
	delete(f.known, uid)
	f.c.look(f.c.graph.remove(uid))
}

// define follows the kind of a definition, if it is a new one.
func (c *collection) define(ctx context.Context, crd *api.Object) {
	kind, ok := defined(crd)
	if !ok || c.builtin(kind.Name) {
		return
	}
	c.follow(ctx, kind)
}
