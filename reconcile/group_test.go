package reconcile_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
)

func TestObjectsOfAGroupTakeTurnsAndSeeEachOthersStatus(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		at, most := 0, 0
		f := funcs{reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
			at++
			most = max(most, at)
			defer func() { at-- }()
			if obj.Status.Seen == "" {
				time.Sleep(time.Second)
				all, err := obj.Objects.List(ctx, widget, "", nil)
				if err != nil {
					return reconcile.Result{}, err
				}
				n := 1
				for _, other := range all {
					if typed, err := reconcile.Decode[widgetSpec, widgetStatus](other); err == nil && typed.Status.Seen != "" {
						n++
					}
				}
				obj.Status.Seen = fmt.Sprint(n)
			}
			return reconcile.Done, nil
		}}
		kinds := widgets(f, reconcile.Serialize(func(o *api.Object) string { return o.Namespace }))
		var objs []*api.Object
		for i := range 10 {
			objs = append(objs, newWidget(fmt.Sprintf("default/w%d", i), 1))
		}
		w := reconciletest.Settle(t, kinds, objs...)
		w.Advance(time.Minute)
		equal(t, "at once", most, 1)
		numbers := map[string]bool{}
		for i := range 10 {
			numbers[statusOf(w, fmt.Sprintf("default/w%d", i)).Seen] = true
		}
		equal(t, "different numbers", len(numbers), 10)
	})
}

func TestAnObjectThatMovedToAnotherGroupIsWorkedOnThere(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		busy := map[string]*counter{"x": {}, "y": {}}
		f := funcs{reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
			if busy[obj.Spec.Ref].add() > 1 {
				t.Errorf("two at once in group %q", obj.Spec.Ref)
			}
			defer busy[obj.Spec.Ref].v.Add(-1)
			time.Sleep(time.Second)
			return reconcile.Done, nil
		}}
		kinds := widgets(f, reconcile.Serialize(func(o *api.Object) string {
			typed, err := reconcile.Decode[widgetSpec, widgetStatus](o)
			if err != nil {
				return ""
			}
			return typed.Spec.Ref
		}))
		of := func(name, group string, size int) *api.Object {
			return reconciletest.Object(widget, name, widgetSpec{Ref: group, Size: size})
		}
		w := reconciletest.Settle(t, kinds, of("default/a", "x", 1), of("default/b", "y", 1))
		w.Apply(of("default/a", "y", 2))
		w.Advance(10 * time.Second)
		equal(t, "a", statusOf(w, "default/a").Size, 2)
		equal(t, "b", statusOf(w, "default/b").Size, 1)
	})
}

func TestAGroupKnownTooLateIsFoundInThePass(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var at counter
		f := funcs{reconcile: func(context.Context, *object) (reconcile.Result, error) {
			if at.add() > 1 {
				t.Error("two at once in a group")
			}
			defer at.v.Add(-1)
			time.Sleep(time.Second)
			return reconcile.Done, nil
		}}
		var moved atomic.Bool // as if the feed had not told yet
		kinds := widgets(f, reconcile.Serialize(func(o *api.Object) string {
			if moved.Load() || o.Name == "b" {
				return "y"
			}
			return "x"
		}))
		w := reconciletest.Settle(t, kinds, newWidget("default/a", 1))
		w.Advance(time.Minute)
		w.Apply(newWidget("default/b", 1))
		moved.Store(true)
		w.NoWrites(func() { w.Hint(widget, "default/a") })
		w.Advance(time.Minute)
		w.NoWrites(func() { w.Advance(time.Hour) })
		w.Apply(newWidget("default/a", 2))
		w.Advance(time.Second)
		equal(t, "a", statusOf(w, "default/a").Size, 2)
	})
}
