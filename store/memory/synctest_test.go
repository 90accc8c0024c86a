package memory_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/runner"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/memory"
)

// In a bubble an hour passes in no time, and nothing stays behind.
func TestTheStoreLivesInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s memory.Store
		ctx, cancel := context.WithCancel(t.Context())
		seen := make(chan store.Event)
		go func() {
			defer close(seen)
			for e, err := range s.Watch(ctx, "Secret", 0, store.WatchOptions{Progress: time.Minute}) {
				if err != nil {
					t.Error(err)
				}
				seen <- e
			}
		}()
		time.Sleep(time.Hour)
		obj := &api.Object{}
		obj.APIVersion, obj.Kind, obj.Namespace, obj.Name = "v1", "Secret", "default", "a"
		made, err := s.Create(ctx, obj)
		if err != nil {
			t.Fatal(err)
		}
		if e := <-seen; e.Type != store.Added || e.Object != made {
			t.Fatalf("the watch told %v", e)
		}
		obj = made.Clone()
		obj.Kind = "ConfigMap"
		if _, err := s.Create(ctx, obj); err != nil {
			t.Fatal(err)
		}
		if e := <-seen; e.Type != store.Bookmark || e.Revision != 2 {
			t.Fatalf("the quiet watch told %v instead of a bookmark", e)
		}
		cancel()
		if e, open := <-seen; open {
			t.Fatalf("after its end the watch told %v", e)
		}
	})
}

// A lease that nobody renews goes back, in fake time too.
func TestALeaseRunsOutInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q memory.Tasks
		ctx := t.Context()
		if err := q.Offer(ctx, runner.Task{ID: "t", OwnerUID: "u"}); err != nil {
			t.Fatal(err)
		}
		first, err := q.Lease(ctx, runner.Claim{Runner: "one"})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		second, err := q.Lease(ctx, runner.Claim{Runner: "two"})
		if err != nil || second.Leases != 2 {
			t.Fatalf("second lease: %+v, %v", second, err)
		}
		if waited := time.Since(start); waited < runner.LeaseTime {
			t.Fatalf("the lease ran out after %v", waited)
		}
		if err := q.Finish(ctx, "t", first.Token, nil); !errors.Is(err, api.ErrConflict) {
			t.Fatalf("the first holder's report: %v", err)
		}
	})
}
