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
)

func TestWhatAPassCreatesAndRemovesSettles(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		children := func(ctx context.Context, obj *object) ([]*api.Object, error) {
			return obj.Objects.List(ctx, "ConfigMap", obj.Namespace, nil)
		}
		f := funcs{
			reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
				for i := range obj.Spec.Size {
					child := reconciletest.Object("ConfigMap", fmt.Sprintf("%s/%s-%d", obj.Namespace, obj.Name, i), nil)
					if _, err := obj.Objects.Create(ctx, child); err != nil && !errors.Is(err, api.ErrExists) {
						return reconcile.Result{}, err
					}
				}
				found, err := children(ctx, obj)
				obj.Status.Size = len(found)
				return reconcile.Done, err
			},
			delete: func(ctx context.Context, obj *object) (reconcile.Result, error) {
				found, err := children(ctx, obj)
				if err != nil || len(found) == 0 {
					return reconcile.Done, err
				}
				for _, child := range found {
					if err := obj.Objects.Delete(ctx, child.Key()); err != nil {
						return reconcile.Result{}, err
					}
				}
				return reconcile.Wait("ConfigMaps to go")
			},
		}
		w := reconciletest.Settle(t, widgets(f), newWidget("default/a", 20))
		equal(t, "children", statusOf(w, "default/a").Size, 20)
		w.NoWrites(func() { w.Advance(time.Hour) })
		w.Delete("ConfigMap", "default/a-7")
		equal(t, "the removed one is back", w.Exists("ConfigMap", "default/a-7"), true)
		w.Delete(widget, "default/a")
		equal(t, "exists", w.Exists(widget, "default/a"), false)
	})
}

func TestAControllerThatWritesInEveryPassIsSlowedDown(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var passes counter
		f := funcs{reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
			passes.add()
			if err := obj.Objects.Delete(ctx, reconciletest.Key("Secret", "default/s")); err != nil {
				return reconcile.Result{}, err
			}
			_, err := obj.Objects.Create(ctx, secret("default/s", ""))
			_, err2 := obj.Objects.List(ctx, "ConfigMap", "", nil)
			other := reconciletest.Object("ConfigMap", fmt.Sprintf("default/c%d", passes.n()), nil)
			_, err3 := obj.Objects.Create(ctx, other)
			return reconcile.Done, errors.Join(err, err2, err3)
		}}
		w := reconciletest.Settle(t, widgets(f), newWidget("default/a", 1))
		if passes.n() > 20 {
			t.Errorf("%d passes at once", passes.n())
		}
		w.Advance(time.Hour)
		if passes.n() > 40 {
			t.Errorf("%d passes in an hour", passes.n())
		}
	})
}

func TestASteadyWorldIsNotWritten(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var passes counter
		f := funcs{reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
			passes.add()
			result, err := reading.reconcile(ctx, obj)
			if err == nil && obj.Spec.Size%2 == 0 {
				result.After = 10 * time.Minute
			}
			return result, err
		}}
		var objs []*api.Object
		for i := range 1000 {
			ref := []string{"here", "missing"}[i%3/2]
			objs = append(objs, reconciletest.Object(widget, fmt.Sprintf("ns%d/w%d", i%7, i), widgetSpec{Size: i, Ref: ref}))
		}
		for i := range 7 {
			objs = append(objs, secret(fmt.Sprintf("ns%d/here", i), "1"))
		}
		w := reconciletest.Settle(t, widgets(f), objs...)
		w.Advance(time.Minute) // counts of events
		w.Intercept(func(op string, key api.Key) error {
			if op == "UpdateStatus" {
				t.Errorf("%s of %s: not even tried, where nothing differs", op, key)
			}
			return nil
		})
		w.NoWrites(func() { w.Advance(5 * time.Hour) })
		before := passes.n()
		w.NoWrites(func() { w.Restart() })
		equal(t, "passes after a restart", passes.n()-before, 1000)
		if before < 15000 {
			t.Errorf("only %d passes: nothing was at work", before)
		}
	})
}

func TestACrashAtAnyWriteConverges(t *testing.T) {
	for n := 1; n <= 12; n++ {
		inFakeTime(t, func(t *testing.T) {
			f := funcs{reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
				child := reconciletest.Object("ConfigMap", obj.Namespace+"/"+obj.Name, nil)
				if _, err := obj.Objects.Create(ctx, child); err != nil && !errors.Is(err, api.ErrExists) {
					return reconcile.Result{}, err
				}
				return reconcile.Done, nil
			}}
			w := reconciletest.Settle(t, widgets(f))
			writes := 0
			w.Intercept(func(op string, key api.Key) error {
				if op == "Get" || op == "List" || op == "Watch" {
					return nil
				}
				if writes++; writes >= n { // dead from the n-th write on
					return errors.New("killed")
				}
				return nil
			})
			w.Apply(newWidget("default/a", 1), newWidget("default/b", 2))
			w.Intercept(nil)
			w.Crash()
			for name, size := range map[string]int{"default/a": 1, "default/b": 2} {
				equal(t, "Ready", w.Ready(widget, name), "True Reconciled")
				equal(t, "size", statusOf(w, name).Size, size)
				equal(t, "child", w.Exists("ConfigMap", name), true)
			}
			w.NoWrites(func() { w.Advance(time.Hour) })
		})
	}
}
