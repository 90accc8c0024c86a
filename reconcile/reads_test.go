package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
)

// reading is a controller that waits for the Secret named in spec.ref, and shows its labels' "v".
var reading = funcs{reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
	got, err := obj.Objects.Get(ctx, reconciletest.Key("Secret", obj.Namespace+"/"+obj.Spec.Ref))
	if errors.Is(err, api.ErrNotFound) {
		obj.Status.Seen = ""
		return reconcile.Wait("Secret %s does not exist", obj.Spec.Ref)
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	obj.Status.Seen = got.Labels["v"]
	return reconcile.Done, nil
}}

func secret(name, v string) *api.Object {
	s := reconciletest.Object("Secret", name, nil)
	s.Labels = map[string]string{"v": v}
	return s
}

func TestAMissingObjectWakesWhoAskedForItWhenItArrivesChangesAndGoes(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		w := reconciletest.Settle(t, widgets(reading), reconciletest.Object(widget, "default/a", widgetSpec{Ref: "s"}))
		equal(t, "Ready", w.Ready(widget, "default/a"), "False Waiting: Secret s does not exist")
		equal(t, "Reconciling", string(w.Condition(widget, "default/a", api.Reconciling).Status), "True")
		w.Apply(secret("default/s", "1"))
		equal(t, "Ready", w.Ready(widget, "default/a"), "True Reconciled")
		equal(t, "Reconciling", string(w.Condition(widget, "default/a", api.Reconciling).Status), "")
		w.Apply(secret("default/s", "2"))
		equal(t, "seen", statusOf(w, "default/a").Seen, "2")
		w.Delete("Secret", "default/s")
		equal(t, "Ready", w.Ready(widget, "default/a"), "False Waiting: Secret s does not exist")
	})
}

func TestOnlyTheLastPassesReadsCount(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var passes counter
		f := funcs{reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
			passes.add()
			return reading.reconcile(ctx, obj)
		}}
		w := reconciletest.Settle(t, widgets(f), secret("default/s", "1"), secret("default/t", "1"),
			reconciletest.Object(widget, "default/a", widgetSpec{Ref: "s"}))
		w.Apply(reconciletest.Object(widget, "default/a", widgetSpec{Ref: "t"}))
		before := passes.n()
		w.Apply(secret("default/s", "2"))
		equal(t, "passes for what is not read any more", passes.n()-before, 0)
		w.Apply(secret("default/t", "2"))
		equal(t, "passes for what is read", passes.n()-before, 1)
	})
}

func TestAListWakesForWhatMatchesBeforeOrAfterTheChange(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var passes counter
		f := funcs{reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
			passes.add()
			found, err := obj.Objects.List(ctx, "Secret", obj.Namespace, labels.SelectorFromSet(labels.Set{"v": "1"}))
			obj.Status.Seen = fmt.Sprint(len(found))
			return reconcile.Done, err
		}}
		w := reconciletest.Settle(t, widgets(f), newWidget("default/a", 1))
		steps := []struct {
			name   string
			do     func()
			passes int
			seen   string
		}{
			{"one that matches arrives", func() { w.Apply(secret("default/s", "1")) }, 1, "1"},
			{"one that does not match arrives", func() { w.Apply(secret("default/t", "2")) }, 0, "1"},
			{"one of another namespace arrives", func() { w.Apply(secret("other/s", "1")) }, 0, "1"},
			{"one stops matching", func() { w.Apply(secret("default/s", "3")) }, 1, "0"},
			{"one that does not match changes", func() { w.Apply(secret("default/s", "4")) }, 0, "0"},
			{"one starts matching", func() { w.Apply(secret("default/t", "1")) }, 1, "1"},
			{"one that matches goes", func() { w.Delete("Secret", "default/t") }, 1, "0"},
		}
		for _, step := range steps {
			before := passes.n()
			step.do()
			equal(t, step.name+": passes", passes.n()-before, step.passes)
			equal(t, step.name+": seen", statusOf(w, "default/a").Seen, step.seen)
		}
	})
}

func TestAChangeRightAfterTheFirstReadOfAKindIsNotMissed(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var w *reconciletest.World
		f := funcs{reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
			result, err := reading.reconcile(ctx, obj)
			if obj.Status.Seen == "1" { // the world moves on while the pass still runs
				next := secret("default/s", "2")
				next.ResourceVersion = w.Object("Secret", "default/s").ResourceVersion
				if _, err := w.Store.Update(ctx, next); err != nil {
					return reconcile.Result{}, err
				}
			}
			return result, err
		}}
		w = reconciletest.Settle(t, widgets(f))
		w.Apply(secret("default/s", "1"))
		w.Apply(reconciletest.Object(widget, "default/a", widgetSpec{Ref: "s"}))
		equal(t, "seen", statusOf(w, "default/a").Seen, "2")
	})
}
