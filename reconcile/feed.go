package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// feed tells every change of one kind, once and in order: a list, then a watch
// from its revision, and after an error a list again, of which only the differences are told.
type feed struct {
	kind   string
	store  store.Store
	log    *slog.Logger
	tell   func(change)
	synced chan struct{} // closed after the first list
	marks  map[api.Key]*mark
}

// mark is what the feed must remember of an object to judge the next change of it.
type mark struct {
	uid        types.UID
	revision   store.Revision
	generation int64
	deleting   bool
	finalizer  bool // ours is on it
	request    string
	labels     map[string]string
}

func markOf(obj *api.Object) *mark {
	return &mark{
		uid:        obj.UID,
		revision:   revisionOf(obj),
		generation: obj.Generation,
		deleting:   obj.DeletionTimestamp != nil,
		finalizer:  hasFinalizer(obj),
		request:    obj.Annotations[RequestAnnotation],
		labels:     obj.Labels,
	}
}

// feedBackoffMost bounds the wait between tries to list: a store that is back is noticed soon.
const feedBackoffMost = 30 * time.Second

// run follows the kind until ctx ends.
func (f *feed) run(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		began := time.Now()
		err := f.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > feedBackoffMost {
			failures = 0
		}
		failures++
		if !errors.Is(err, api.ErrExpired) {
			f.log.Warn("following a kind was interrupted", "kind", f.kind, "error", err)
		}
		sleep(ctx, min(backoff(failures), feedBackoffMost))
	}
}

func (f *feed) follow(ctx context.Context) error {
	list, err := f.store.List(ctx, f.kind, store.ListOptions{})
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	f.replace(list)
	for event, err := range f.store.Watch(ctx, f.kind, list.Revision, store.WatchOptions{}) {
		if err != nil {
			return fmt.Errorf("watch: %w", err)
		}
		f.apply(event)
	}
	return errors.New("the watch ended")
}

// replace tells how a fresh list differs from what was known.
func (f *feed) replace(list store.List) {
	gone := maps.Clone(f.marks)
	for _, obj := range list.Items {
		key := obj.Key()
		delete(gone, key)
		if old := f.marks[key]; old == nil || old.revision != revisionOf(obj) {
			f.set(key, obj)
		}
	}
	for key := range gone {
		f.remove(key, list.Revision)
	}
	select {
	case <-f.synced:
	default:
		close(f.synced)
	}
}

func (f *feed) apply(event store.Event) {
	switch event.Type {
	case store.Added, store.Modified:
		f.set(event.Object.Key(), event.Object)
	case store.Deleted:
		f.remove(event.Object.Key(), event.Revision)
	}
}

func (f *feed) set(key api.Key, obj *api.Object) {
	old, now := f.marks[key], markOf(obj)
	f.marks[key] = now
	f.tell(change{key: key, revision: now.revision, old: old, obj: obj})
}

func (f *feed) remove(key api.Key, at store.Revision) {
	old := f.marks[key]
	delete(f.marks, key)
	f.tell(change{key: key, revision: at, old: old})
}

// wants reports whether a change of an object is a reason to work on it: it is
// new, its owner's wish changed, it is being deleted, our finalizer was taken off,
// or somebody asked by RequestAnnotation. Its status and labels are none.
func (c change) wants() bool {
	if c.obj == nil {
		return false
	}
	now := markOf(c.obj)
	return c.old == nil || c.fresh() ||
		c.old.deleting != now.deleting ||
		c.old.finalizer && !now.finalizer && !now.deleting ||
		c.old.request != now.request && now.request != ""
}

// fresh reports whether the object is another one or has another spec than
// before: earlier failures say nothing about it.
func (c change) fresh() bool {
	return c.old != nil && c.obj != nil && (c.old.uid != c.obj.UID || c.old.generation != c.obj.Generation)
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
