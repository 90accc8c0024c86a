package store

import (
	"context"
	"iter"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/powernode/powernode/api"
)

// page is how many changes a watcher takes at a time.
const page = 256

// Watch is Store.Watch over the hub's changes.
func (h *Hub) Watch(ctx context.Context, kind string, from Revision, opts WatchOptions) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		h.count(+1)
		defer h.count(-1)
		w := watcher{hub: h, kind: kind, shelf: h.shelfOf(kind), at: from, told: from, since: time.Now(), opts: opts}
		for ctx.Err() == nil {
			more, bell, err := w.next(ctx)
			if err != nil {
				if ctx.Err() == nil {
					yield(Event{}, err)
				}
				return
			}
			if !w.tell(more, yield) {
				return
			}
			if bell != nil && !w.rest(ctx, bell, yield) {
				return
			}
		}
	}
}

// watcher is the place of one watch in the order of changes.
type watcher struct {
	hub   *Hub
	kind  string
	shelf *shelf
	opts  WatchOptions
	at    Revision  // all changes up to here were looked at
	told  Revision  // the latest revision that was yielded
	since time.Time // when that was
}

// next is the changes to look at, and a bell to wait for when these are all.
func (w *watcher) next(ctx context.Context) ([]Change, <-chan struct{}, error) {
	bell := w.shelf.bell.Next()
	w.hub.mu.RLock()
	changes, kept := w.shelf.after(w.at, page)
	position, floor := w.hub.position, w.shelf.floor
	w.hub.mu.RUnlock()
	if !kept {
		older, err := w.older(ctx, floor)
		return older, nil, err
	}
	if len(changes) == page {
		w.at = changes[page-1].Revision
		return changes, nil, nil
	}
	w.at = max(w.at, position)
	return changes, bell, nil
}

// older reads what the hub has forgotten.
func (w *watcher) older(ctx context.Context, to Revision) ([]Change, error) {
	if w.hub.Older == nil {
		return nil, expired(w.kind, w.at)
	}
	changes, complete, err := w.hub.Older(ctx, w.kind, w.at, to)
	if err != nil {
		return nil, err
	}
	w.at = complete
	return changes, nil
}

// shelfOf is the shelf of a kind, which stays the same one for the hub's life.
func (h *Hub) shelfOf(kind string) *shelf {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.shelf(kind)
}

// tell yields what changes mean to this watch.
func (w *watcher) tell(changes []Change, yield func(Event, error) bool) bool {
	var held Event // until it is known whether another one follows
	for _, c := range changes {
		e, ok := w.opts.event(c)
		if !ok {
			continue
		}
		if held.More = true; held.Type != "" && !w.yield(held, yield) {
			return false
		}
		held = e
	}
	held.More = false
	return held.Type == "" || w.yield(held, yield)
}

func (w *watcher) yield(e Event, yield func(Event, error) bool) bool {
	w.told, w.since = e.Revision, time.Now()
	return yield(e, nil)
}

// rest waits for the next change, and yields a bookmark when the store moves on
// without one. Everything up to w.at was told before, so a bookmark overtakes nothing.
func (w *watcher) rest(ctx context.Context, bell <-chan struct{}, yield func(Event, error) bool) bool {
	var quiet <-chan time.Time
	if w.opts.Progress > 0 {
		t := time.NewTimer(time.Until(w.since.Add(w.opts.Progress)))
		defer t.Stop()
		quiet = t.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-bell:
		return true
	case <-quiet:
	}
	w.since = time.Now()
	if at := w.progress(); at > w.told {
		w.told = at
		return yield(Event{Type: Bookmark, Revision: at}, nil)
	}
	return true
}

// progress is the revision up to which this watch has told everything: the
// hub's position, unless a change of the kind came in this moment.
func (w *watcher) progress() Revision {
	w.hub.mu.RLock()
	defer w.hub.mu.RUnlock()
	if fresh, kept := w.shelf.after(w.at, 1); kept && len(fresh) == 0 {
		w.at = max(w.at, w.hub.position)
	}
	return w.at
}

func (h *Hub) count(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watchers += n
}

// event is what a change means to one who sees only what the options select.
func (o WatchOptions) event(c Change) (Event, bool) {
	if o.Namespace != "" && o.Namespace != c.New.Namespace {
		return Event{}, false
	}
	was := c.Old != nil && selects(o.Labels, o.Fields, c.Old)
	is := c.Type != Deleted && selects(o.Labels, o.Fields, c.New)
	switch {
	case was && is:
		return Event{Type: Modified, Revision: c.Revision, Object: c.New}, true
	case is:
		return Event{Type: Added, Revision: c.Revision, Object: c.New}, true
	case was && c.Type == Deleted:
		return Event{Type: Deleted, Revision: c.Revision, Object: c.New}, true
	case was:
		left := *c.Old
		left.ResourceVersion = c.Revision.String()
		return Event{Type: Deleted, Revision: c.Revision, Object: &left}, true
	}
	return Event{}, false
}

func selects(l labels.Selector, f Fields, o *api.Object) bool {
	return (l == nil || l.Matches(labels.Set(o.Labels))) && f.Matches(o)
}
