package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
	"github.com/powernode/powernode/store"
)

// counting makes a controller that counts its passes.
func counting(n *counter) funcs {
	return funcs{reconcile: func(context.Context, *object) (reconcile.Result, error) {
		n.add()
		return reconcile.Done, nil
	}}
}

func TestANewObjectIsReconciled(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		w := reconciletest.Settle(t, widgets(funcs{}), newWidget("default/a", 3))
		got := reconciletest.Get[widgetSpec, widgetStatus](w, widget, "default/a")
		equal(t, "status.size", got.Status.Size, 3)
		equal(t, "observedGeneration", got.Status.ObservedGeneration, 1)
		equal(t, "Ready", w.Ready(widget, "default/a"), "True Reconciled")
		equal(t, "finalizers", fmt.Sprint(got.Meta.Finalizers), "[powernode.io/controller]")
	})
}

func TestWhatBringsAnObjectBack(t *testing.T) {
	change := func(t *testing.T, w *reconciletest.World, f func(*api.Object)) {
		next := w.Object(widget, "default/a").Clone()
		f(next)
		if _, err := w.Store.Update(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		w.Settle()
	}
	cases := []struct {
		name string
		do   func(t *testing.T, w *reconciletest.World)
		want int
	}{
		{"a new spec", func(t *testing.T, w *reconciletest.World) { w.Apply(newWidget("default/a", 2)) }, 1},
		{"the same spec", func(t *testing.T, w *reconciletest.World) { w.Apply(newWidget("default/a", 1)) }, 0},
		{"a hint", func(t *testing.T, w *reconciletest.World) { w.Hint(widget, "default/a") }, 1},
		{"a hint about nobody", func(t *testing.T, w *reconciletest.World) { w.Hint(widget, "default/b") }, 0},
		{"a restart", func(t *testing.T, w *reconciletest.World) { w.Restart() }, 1},
		{"a label", func(t *testing.T, w *reconciletest.World) {
			change(t, w, func(o *api.Object) { o.Labels = map[string]string{"a": "b"} })
		}, 0},
		{"some annotation", func(t *testing.T, w *reconciletest.World) {
			change(t, w, func(o *api.Object) { o.Annotations = map[string]string{"a": "b"} })
		}, 0},
		{"the annotation that asks for it", func(t *testing.T, w *reconciletest.World) {
			change(t, w, func(o *api.Object) {
				o.Annotations = map[string]string{reconcile.RequestAnnotation: "now"}
			})
		}, 1},
		{"the finalizer taken off", func(t *testing.T, w *reconciletest.World) {
			change(t, w, func(o *api.Object) { o.Finalizers = nil })
		}, 1},
		{"somebody's status", func(t *testing.T, w *reconciletest.World) {
			next := w.Object(widget, "default/a").Clone()
			next.Status = []byte(`{"size":9}`)
			if _, err := w.Store.UpdateStatus(t.Context(), next); err != nil {
				t.Fatal(err)
			}
			w.Settle()
		}, 0},
		{"time", func(t *testing.T, w *reconciletest.World) { w.Advance(24 * time.Hour) }, 0},
		{"removal and a new one of the name", func(t *testing.T, w *reconciletest.World) {
			w.Delete(widget, "default/a")
			w.Apply(newWidget("default/a", 1))
		}, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inFakeTime(t, func(t *testing.T) {
				var passes counter
				w := reconciletest.Settle(t, widgets(counting(&passes)), newWidget("default/a", 1))
				equal(t, "passes at first", passes.n(), 1)
				c.do(t, w)
				equal(t, "passes more", passes.n()-1, c.want)
			})
		})
	}
}

func TestAnObjectIsNotWokenByItsOwnStatusThoughItListsItself(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var passes counter
		f := funcs{reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
			passes.add()
			obj.Status.Seen = fmt.Sprint(passes.n()) // another status each time
			_, err := obj.Objects.List(ctx, widget, "", nil)
			return reconcile.Done, err
		}}
		reconciletest.Settle(t, widgets(f), newWidget("default/a", 1))
		equal(t, "passes", passes.n(), 1)
	})
}

func TestAnotherPassAfterAHintDuringOne(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var passes counter
		var w *reconciletest.World
		f := funcs{reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
			passes.add()
			if passes.n() == 1 {
				time.Sleep(time.Second)
			}
			return reconcile.Done, nil
		}}
		w = reconciletest.Settle(t, widgets(f), newWidget("default/a", 1))
		for range 5 {
			w.Hint(widget, "default/a")
		}
		equal(t, "passes begun", passes.n(), 1)
		w.Advance(time.Second)
		equal(t, "passes in all", passes.n(), 2)
	})
}

func TestResultAfterBringsAnotherPass(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var passes counter
		f := funcs{reconcile: func(context.Context, *object) (reconcile.Result, error) {
			passes.add()
			return reconcile.Result{After: time.Minute}, nil
		}}
		w := reconciletest.Settle(t, widgets(f), newWidget("default/a", 1))
		w.Advance(59 * time.Second)
		equal(t, "passes", passes.n(), 1)
		w.Advance(time.Second)
		equal(t, "passes", passes.n(), 2)
		w.NoWrites(func() { w.Advance(time.Hour) })
		equal(t, "passes", passes.n(), 62)
	})
}

func TestAnExpiredWatchListsAgainAndMissesNothing(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		w := reconciletest.Settle(t, widgets(funcs{}), newWidget("default/a", 1), newWidget("default/b", 1), newWidget("default/c", 1))
		w.FailNext("Watch", api.ErrExpired)
		w.Apply(newWidget("default/a", 2), newWidget("default/new", 2))
		if _, err := w.Store.Delete(t.Context(), reconciletest.Key(widget, "default/b"), store.Preconditions{}); err != nil {
			t.Fatal(err)
		}
		w.Advance(time.Second)
		equal(t, "a", statusOf(w, "default/a").Size, 2)
		equal(t, "new", statusOf(w, "default/new").Size, 2)
		equal(t, "b is there", w.Exists(widget, "default/b"), false)
		w.Apply(newWidget("default/c", 3))
		equal(t, "c, after it", statusOf(w, "default/c").Size, 3)
	})
}

func TestWhatWentAwayDuringAnExpiryWakesItsReaders(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		w := reconciletest.Settle(t, widgets(reading), secret("default/s", "1"),
			reconciletest.Object(widget, "default/a", widgetSpec{Ref: "s"}))
		w.FailNext("Watch", api.ErrExpired)
		w.Delete("Secret", "default/s")
		equal(t, "Ready before", w.Ready(widget, "default/a"), "True Reconciled")
		w.Advance(time.Second)
		equal(t, "Ready", w.Ready(widget, "default/a"), "False Waiting: Secret s does not exist")
	})
}

func TestListingAgainBringsBackOnlyWhatChanged(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var passes counter
		f := funcs{reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
			passes.add()
			return reading.reconcile(ctx, obj)
		}}
		w := reconciletest.Settle(t, widgets(f), secret("default/s", "1"), secret("default/other", "1"),
			reconciletest.Object(widget, "default/a", widgetSpec{Ref: "s"}))
		before := passes.n()
		w.FailNext("Watch", api.ErrExpired)
		w.Apply(secret("default/other", "2"))
		w.Advance(time.Minute)
		equal(t, "passes", passes.n()-before, 0)
	})
}

func TestAStoreThatCanNotBeListedIsTriedAgain(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		w := reconciletest.Settle(t, widgets(funcs{}), newWidget("default/a", 1))
		w.Intercept(func(string, api.Key) error { return errors.New("down") })
		w.Restart()
		w.Apply(newWidget("default/a", 2))
		w.Advance(10 * time.Minute)
		equal(t, "synced", w.Manager.Synced(), false)
		w.Intercept(nil)
		w.Advance(30 * time.Second)
		equal(t, "synced", w.Manager.Synced(), true)
		equal(t, "a", statusOf(w, "default/a").Size, 2)
	})
}
