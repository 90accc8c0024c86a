package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
)

const (
	manyWidgets = 200
	patience    = time.Minute
)

// owning is a controller with a ConfigMap for each widget, that waits for a Secret first.
var owning = funcs{
	reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
		result, err := reading.reconcile(ctx, obj)
		if err != nil || result.Waiting != "" {
			return result, err
		}
		child := reconciletest.Object("ConfigMap", obj.Namespace+"/"+obj.Name, nil)
		if _, err := obj.Objects.Create(ctx, child); err != nil && !errors.Is(err, api.ErrExists) {
			return reconcile.Result{}, err
		}
		return result, nil
	},
	delete: func(ctx context.Context, obj *object) (reconcile.Result, error) {
		return reconcile.Done, obj.Objects.Delete(ctx, reconciletest.Key("ConfigMap", obj.Namespace+"/"+obj.Name))
	},
}

// TestOnPostgres: a story of many objects, two servers one after the other, the
// first of which is cut off in the middle; and then nothing is written any more.
func TestOnPostgres(t *testing.T) {
	dsn := pgtest.DSN(t)
	first, second := open(t, dsn), open(t, dsn)
	stop := work(t, first)
	create(t, second)
	stop()
	if _, err := second.Create(t.Context(), secret("default/s", "1")); err != nil {
		t.Fatal(err)
	}
	stop = work(t, second)

	eventually(t, "all are ready and have their ConfigMap", func() bool {
		widgets, maps := list(t, second, widget), list(t, second, "ConfigMap")
		for _, obj := range widgets {
			got, err := reconcile.Decode[widgetSpec, widgetStatus](obj)
			if err != nil || got.Status.Seen != "1" || got.Status.ObservedGeneration != obj.Generation {
				return false
			}
		}
		return len(widgets) == manyWidgets && len(maps) == manyWidgets
	})
	atRest(t, second)

	for _, obj := range list(t, second, widget) {
		if _, err := second.Delete(t.Context(), obj.Key(), store.Preconditions{}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all are gone", func() bool {
		return len(list(t, second, widget)) == 0 && len(list(t, second, "ConfigMap")) == 0
	})
	stop()
}

func open(t *testing.T, dsn string) store.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// work runs a Manager until stop is called.
func work(t *testing.T, s store.Store) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	m := &reconcile.Manager{Store: s, Kinds: widgets(owning)}
	go func() { ended <- m.Run(ctx) }()
	ready, done := context.WithTimeout(ctx, patience)
	defer done()
	if err := m.Ready(ready); err != nil {
		t.Error(err)
	}
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// create makes the widgets, many at a time, through another server than the one at work.
func create(t *testing.T, s store.Store) {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(8)
	for i := range manyWidgets {
		group.Go(func() error {
			_, err := s.Create(ctx, reconciletest.Object(widget, fmt.Sprintf("default/w%d", i), widgetSpec{Ref: "s"}))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, s store.Store, kind string) []*api.Object {
	t.Helper()
	found, err := s.List(t.Context(), kind, store.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return found.Items
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not after %v: %s", patience, what)
		}
	}
}

// atRest waits for three seconds in which nothing is written.
func atRest(t *testing.T, s store.Store) {
	t.Helper()
	var last store.Revision
	since := time.Now()
	eventually(t, "nothing is written any more", func() bool {
		now, err := s.Revision(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > 3*time.Second
	})
}
