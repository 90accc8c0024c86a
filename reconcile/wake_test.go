package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/labels"

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
