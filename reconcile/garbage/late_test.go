package garbage_test

import (
	"context"
	"iter"
	"testing"

	"github.com/powernode/powernode/store"
)

// slow is a store that tells of changes of a kind only once it may.
type slow struct {
	store.Store
	kind string
	may  chan struct{}
}

func (s *slow) Watch(ctx context.Context, kind string, from store.Revision, opts store.WatchOptions) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		for event, err := range s.Store.Watch(ctx, kind, from, opts) {
			if kind == s.kind {
				select {
				case <-s.may:
				case <-ctx.Done():
					return
				}
			}
			if !yield(event, err) {
				return
			}
		}
	}
}

// The graph is behind the store; what it has not heard of counts all the same.
func TestDependentsThatTheGraphHasNotHeardOf(t *testing.T) {
	within(t, func(w *world) {
		s := &slow{w.store, "Secret", make(chan struct{})}
		defer w.collectOn(s)()
		settle()
		owner, leaver := w.make("ConfigMap", "a/owner"), w.make("ConfigMap", "a/leaver")
		child, orphaned := w.make("Secret", "a/child", ref(owner, true)), w.make("Secret", "a/orphaned", ref(leaver, true))
		w.delete(owner, foreground)
		w.delete(leaver, orphan)
		settle()
		w.are(true, owner, child, orphaned)
		w.are(false, leaver)
		if refs(w.get(orphaned)) != 0 {
			t.Error("the orphan remembers")
		}
		close(s.may)
		settle()
		w.are(false, owner, child)
		w.are(true, orphaned)
	})
}
