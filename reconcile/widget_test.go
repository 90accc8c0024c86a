package reconcile_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
)

const widget = "Widget.example.org"

type widgetSpec struct {
	Size int    `json:"size,omitempty"`
	Ref  string `json:"ref,omitempty"`
}

type widgetStatus struct {
	api.CommonStatus `json:",inline"`
	Size             int    `json:"size,omitempty"`
	Seen             string `json:"seen,omitempty"`
}

type object = reconcile.Object[widgetSpec, widgetStatus]

type pass = func(ctx context.Context, obj *object) (reconcile.Result, error)

// funcs is a controller whose two functions a test writes in place; by default
// Reconcile copies the size and Delete has nothing to do.
type funcs struct{ reconcile, delete pass }

func (f funcs) Reconcile(ctx context.Context, obj *object) (reconcile.Result, error) {
	obj.Status.Size = obj.Spec.Size
	if f.reconcile == nil {
		return reconcile.Done, nil
	}
	return f.reconcile(ctx, obj)
}

func (f funcs) Delete(ctx context.Context, obj *object) (reconcile.Result, error) {
	if f.delete == nil {
		return reconcile.Done, nil
	}
	return f.delete(ctx, obj)
}

func widgets(f funcs, opts ...reconcile.Option) []reconcile.Kind {
	return []reconcile.Kind{reconcile.For(widget, f, opts...)}
}

func newWidget(name string, size int) *api.Object {
	return reconciletest.Object(widget, name, widgetSpec{Size: size})
}

func statusOf(w *reconciletest.World, name string) widgetStatus {
	return reconciletest.Get[widgetSpec, widgetStatus](w, widget, name).Status
}

// counter counts what controllers do at once.
type counter struct{ v atomic.Int64 }

func (c *counter) add() int { return int(c.v.Add(1)) }
func (c *counter) n() int   { return int(c.v.Load()) }

// inFakeTime runs a test in a bubble.
func inFakeTime(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
