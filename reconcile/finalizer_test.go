package reconcile_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
)

func TestTheFinalizerIsOnBeforeTheFirstCallAndOffAfterDelete(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		clean := false
		f := funcs{
			reconcile: func(_ context.Context, obj *object) (reconcile.Result, error) {
				equal(t, "finalizers in Reconcile", fmt.Sprint(obj.Meta.Finalizers), "[powernode.io/controller]")
				return reconcile.Done, nil
			},
			delete: func(_ context.Context, obj *object) (reconcile.Result, error) {
				if !clean {
					return reconcile.Wait("the outside is not clean yet")
				}
				return reconcile.Done, nil
			},
		}
		w := reconciletest.Settle(t, widgets(f), newWidget("default/a", 1))
		w.Delete(widget, "default/a")
		equal(t, "Ready", w.Ready(widget, "default/a"), "False Waiting: the outside is not clean yet")
		w.NoWrites(func() { w.Advance(time.Hour) })
		clean = true
		w.Hint(widget, "default/a")
		equal(t, "exists", w.Exists(widget, "default/a"), false)
	})
}

func TestTheFinalizersOfOthersAreLeftAlone(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var deletes counter
		f := funcs{delete: func(context.Context, *object) (reconcile.Result, error) {
			deletes.add()
			return reconcile.Done, nil
		}}
		obj := newWidget("default/a", 1)
		obj.Finalizers = []string{"example.org/other"}
		w := reconciletest.Settle(t, widgets(f), obj)
		w.Delete(widget, "default/a")
		w.Hint(widget, "default/a")
		equal(t, "finalizers", fmt.Sprint(w.Object(widget, "default/a").Finalizers), "[example.org/other]")
		equal(t, "deletes", deletes.n(), 1)
	})
}

func TestAnObjectDeletedBeforeItsFirstPassIsLeftAlone(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var calls counter
		f := counting(&calls)
		f.delete = f.reconcile
		obj := newWidget("default/a", 1)
		obj.Finalizers = []string{"example.org/other"}
		w := reconciletest.Settle(t, nil, obj)
		w.Delete(widget, "default/a")
		w.Become(widgets(f))
		equal(t, "calls", calls.n(), 0)
	})
}
