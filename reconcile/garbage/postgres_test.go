package garbage_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/garbage"
	"github.com/powernode/powernode/reconcile/reconciletest"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
)

// many is how many dependents an owner has here.
const many = 5000

// TestOnPostgres: owners of thousands go, whatever the policy, while a second server waits for its turn
// and takes over in the middle.
func TestOnPostgres(t *testing.T) {
	dsn := pgtest.DSN(t)
	first, second := open(t, dsn), open(t, dsn)
	stop, stopSecond := lead(t, first), func() {}
	for n, policy := range []metav1.DeletionPropagation{background, foreground, orphan} {
		w := &world{T: t, store: first}
		owner := w.make("ConfigMap", fmt.Sprintf("a/owner-%d", n))
		fill(t, first, owner.Name, ref(owner, true))
		began := time.Now()
		w.delete(owner, policy)
		if policy == foreground {
			stopSecond = lead(t, second)
			stop()
		}
		eventually(t, fmt.Sprintf("%s has done its work", policy), func() bool {
			list, err := second.List(t.Context(), "Secret", store.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			left := len(list.Items)
			if policy == orphan {
				for _, obj := range list.Items {
					if refs(obj) == 0 {
						left--
					}
				}
			}
			return left == 0 && !w.there(owner)
		})
		t.Logf("%s of an owner of %d: %s", policy, many, time.Since(began).Round(time.Millisecond))
	}
	before, err := second.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stopSecond()
	if after, err := second.Revision(t.Context()); err != nil || after != before {
		t.Errorf("written at rest: %d to %d, %v", before, after, err)
	}
}

func open(t *testing.T, dsn string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// lead joins a server to those that share the duty of collecting; when it stops, another has it at once.
func lead(t *testing.T, s *postgres.Store) (stop func()) {
	t.Helper()
	manager := &reconcile.Manager{Store: s, Members: s.Members(), Duties: []reconcile.Duty{{
		Name: "garbage",
		Run: func(ctx context.Context, objects store.Store) error {
			return (&garbage.Collector{Store: objects, Kinds: kinds}).Run(ctx)
		},
	}}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- manager.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// fill creates the dependents, many at a time.
func fill(t *testing.T, s store.Store, prefix string, owner metav1.OwnerReference) {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(64)
	for n := range many {
		group.Go(func() error {
			obj := reconciletest.Object("Secret", fmt.Sprintf("a/%s-%d", prefix, n), nil)
			obj.OwnerReferences = []metav1.OwnerReference{owner}
			_, err := s.Create(t.Context(), obj)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}
