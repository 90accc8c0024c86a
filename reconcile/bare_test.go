package reconcile_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
)

// Nothing of the engine's gets into the objects of a bare kind: no finalizer and no status.
func TestABareKindIsWrittenByItsControllerAlone(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var passes, deletes counter
		f := funcs{
			reconcile: func(context.Context, *object) (reconcile.Result, error) { passes.add(); return reconcile.Done, nil },
			delete:    func(context.Context, *object) (reconcile.Result, error) { deletes.add(); return reconcile.Done, nil },
		}
		w := reconciletest.Settle(t, widgets(f, reconcile.Bare()))
		w.NoWrites(func() { w.Apply(newWidget("default/a", 1)) })
		if obj := w.Object(widget, "default/a"); len(obj.Finalizers) > 0 || len(obj.Status) > 0 {
			t.Errorf("it has %v and %s", obj.Finalizers, obj.Status)
		}
		w.Delete(widget, "default/a")
		equal(t, "passes", passes.n(), 1)
		equal(t, "deletes", deletes.n(), 0)
		equal(t, "exists", w.Exists(widget, "default/a"), false)
	})
}

func TestAnErrorOfABareKindIsAnEventAndTriedAgain(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var passes counter
		f := funcs{reconcile: func(context.Context, *object) (reconcile.Result, error) {
			if passes.add() < 3 {
				return reconcile.Result{}, reconcile.Because("Broken", errors.New("no luck"))
			}
			return reconcile.Done, nil
		}}
		w := reconciletest.Settle(t, widgets(f, reconcile.Bare()), newWidget("default/a", 1))
		w.Advance(10 * time.Minute)
		equal(t, "passes", passes.n(), 3)
		events := w.Events(widget, "default/a")
		if len(events) != 1 || events[0].Reason != "Broken" || events[0].Message != "no luck" || events[0].Count != 2 {
			t.Errorf("events: %v", events)
		}
	})
}
