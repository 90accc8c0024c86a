package postgres_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/postgres/pgtest"
)

// A server that reads everything while others write knows which revision that is the state of: that of
// the counter in the same snapshot. Its lists are those of the others at that revision.
func TestAServerThatStartsAmidWritesIsAtItsRevision(t *testing.T) {
	dsn := pgtest.DSN(t)
	one := open(t, dsn)
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	defer writers.Wait()
	defer cancel()
	for w := range 4 {
		o := must(t)(one.Create(ctx, object(fmt.Sprint("w", w))))
		writers.Go(func() {
			for n := 1; ctx.Err() == nil; n++ {
				next, err := one.Update(ctx, changed(o, n, nil))
				if err == nil && n%3 == 0 {
					if _, err = one.Delete(ctx, o.Key(), store.Preconditions{}); err == nil {
						next, err = one.Create(ctx, object(o.Name))
					}
				}
				if err != nil {
					if ctx.Err() == nil {
						t.Errorf("%s: %v", o.Name, err)
					}
					return
				}
				o = next
			}
		})
	}
	for range 5 {
		s := open(t, dsn)
		its, err := s.List(ctx, kind, store.ListOptions{Any: true})
		if err != nil {
			t.Fatal(err)
		}
		ours, err := one.List(ctx, kind, store.ListOptions{At: its.Revision})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := versionsIn(its), versionsIn(ours); got != want {
			t.Fatalf("at %d it has %s instead of %s", its.Revision, got, want)
		}
		s.Close()
	}
}

// versionsIn is a list in short.
func versionsIn(l store.List) (s string) {
	for _, o := range l.Items {
		s += o.Name + "@" + o.ResourceVersion + " "
	}
	return s
}
