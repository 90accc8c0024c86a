package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
)

func TestAnErrorIsTriedAgainLaterAndLater(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var at []time.Time
		f := funcs{reconcile: func(context.Context, *object) (reconcile.Result, error) {
			at = append(at, time.Now())
			return reconcile.Result{}, reconcile.Because("EngineDown", errors.New("dial: refused"))
		}}
		w := reconciletest.Settle(t, widgets(f), newWidget("default/a", 1))
		equal(t, "Ready", w.Ready(widget, "default/a"), "False EngineDown: dial: refused")
		equal(t, "Stalled", string(w.Condition(widget, "default/a", api.Stalled).Status), "")
		w.NoWrites(func() { w.Advance(time.Hour) })
		for i := 1; i < len(at); i++ {
			most := min(time.Second<<(i-1), 5*time.Minute)
			if gap := at[i].Sub(at[i-1]); gap > most || gap < most*4/5 {
				t.Errorf("try %d came after %v, want %v to %v", i, gap, most*4/5, most)
			}
		}
		if len(at) < 18 {
			t.Errorf("only %d tries in an hour", len(at))
		}
	})
}

func TestANewSpecIsTriedAtOnceAndSuccessResetsTheBackoff(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var passes counter
		f := funcs{reconcile: func(_ context.Context, obj *object) (reconcile.Result, error) {
			passes.add()
			if obj.Spec.Size%2 == 1 {
				return reconcile.Result{}, errors.New("odd")
			}
			return reconcile.Done, nil
		}}
		w := reconciletest.Settle(t, widgets(f), newWidget("default/a", 1))
		w.Advance(time.Hour)
		before := passes.n()
		w.Apply(newWidget("default/a", 3))
		equal(t, "passes at once", passes.n()-before, 1)
		w.Advance(time.Second)
		equal(t, "passes a second later: the delays begin anew", passes.n()-before, 2)
		w.Apply(newWidget("default/a", 2))
		equal(t, "Ready", w.Ready(widget, "default/a"), "True Reconciled")
		before = passes.n()
		w.Advance(time.Hour)
		equal(t, "passes once it is done", passes.n()-before, 0)
	})
}

func TestSuccessResetsTheBackoff(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var passes counter
		var healthy atomic.Bool
		f := funcs{reconcile: func(context.Context, *object) (reconcile.Result, error) {
			passes.add()
			if !healthy.Load() {
				return reconcile.Result{}, errors.New("down")
			}
			return reconcile.Done, nil
		}}
		w := reconciletest.Settle(t, widgets(f), newWidget("default/a", 1))
		w.Advance(time.Hour)
		healthy.Store(true)
		w.Hint(widget, "default/a")
		healthy.Store(false)
		w.Hint(widget, "default/a")
		before := passes.n()
		w.Advance(time.Second)
		equal(t, "tries within a second", passes.n()-before, 1)
	})
}

func TestAPermanentErrorWaitsForANewSpec(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var passes counter
		f := funcs{reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
			passes.add()
			if _, err := obj.Objects.Get(ctx, reconciletest.Key("Secret", "default/s")); err == nil {
				return reconcile.Done, nil
			}
			return reconcile.Result{}, reconcile.Permanent(fmt.Errorf("no size %d", obj.Spec.Size))
		}}
		w := reconciletest.Settle(t, widgets(f), newWidget("default/a", 1))
		equal(t, "Ready", w.Ready(widget, "default/a"), "False Failed: no size 1")
		equal(t, "Stalled", string(w.Condition(widget, "default/a", api.Stalled).Status), "True")
		equal(t, "Reconciling", string(w.Condition(widget, "default/a", api.Reconciling).Status), "")
		w.NoWrites(func() { w.Advance(24 * time.Hour) })
		equal(t, "passes in a day", passes.n(), 1)
		w.Apply(newWidget("default/a", 2))
		equal(t, "passes for a new spec", passes.n(), 2)
		w.Apply(secret("default/s", ""))
		equal(t, "Ready when what it read changed", w.Ready(widget, "default/a"), "True Reconciled")
		equal(t, "Stalled then", string(w.Condition(widget, "default/a", api.Stalled).Status), "")
	})
}

func TestACrashOfAControllerIsAnErrorOfOneObject(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		f := funcs{reconcile: func(_ context.Context, obj *object) (reconcile.Result, error) {
			obj.Status.Seen = "half"
			if obj.Name == "a" && obj.Spec.Size < 2 {
				panic("s3cret")
			}
			return reconcile.Done, nil
		}}
		w := reconciletest.Settle(t, widgets(f), newWidget("default/a", 1), newWidget("default/b", 1))
		equal(t, "a", w.Ready(widget, "default/a"),
			"False Panic: the controller crashed on this object; the server's log has the details")
		equal(t, "a's half a status", statusOf(w, "default/a").Seen, "")
		equal(t, "b", w.Ready(widget, "default/b"), "True Reconciled")
		w.Apply(newWidget("default/a", 2))
		equal(t, "a", w.Ready(widget, "default/a"), "True Reconciled")
	})
}

func TestAnObjectThatCanNotBeDecodedIsStalled(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		broken := reconciletest.Object(widget, "default/a", map[string]any{"size": "large"})
		w := reconciletest.Settle(t, widgets(funcs{}), broken)
		equal(t, "Stalled", w.Condition(widget, "default/a", api.Stalled).Reason, "Undecodable")
		w.NoWrites(func() { w.Advance(24 * time.Hour) })
		w.Apply(newWidget("default/a", 2))
		equal(t, "Ready", w.Ready(widget, "default/a"), "True Reconciled")
	})
}

func TestAStatusThatCanNotBeEncodedIsStalled(t *testing.T) {
	type status struct {
		api.CommonStatus `json:",inline"`
		Ratio            float64 `json:"ratio"`
	}
	inFakeTime(t, func(t *testing.T) {
		kind := reconcile.For(widget, ratio[status]{func(s *status) { s.Ratio = math.NaN() }})
		w := reconciletest.Settle(t, []reconcile.Kind{kind}, newWidget("default/a", 1))
		equal(t, "Stalled", w.Condition(widget, "default/a", api.Stalled).Reason, "Unencodable")
	})
}

type ratio[O any] struct{ set func(*O) }

func (r ratio[O]) Reconcile(_ context.Context, obj *reconcile.Object[widgetSpec, O]) (reconcile.Result, error) {
	r.set(&obj.Status)
	return reconcile.Done, nil
}

func (r ratio[O]) Delete(context.Context, *reconcile.Object[widgetSpec, O]) (reconcile.Result, error) {
	return reconcile.Done, nil
}

func TestALostRaceForTheStatusRepeatsThePassAtOnce(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var w *reconciletest.World
		var passes counter
		f := funcs{reconcile: func(_ context.Context, obj *object) (reconcile.Result, error) {
			if passes.add() == 1 { // somebody labels it meanwhile
				live := w.Object(widget, "default/a").Clone()
				live.Labels = map[string]string{"a": "b"}
				if _, err := w.Store.Update(t.Context(), live); err != nil {
					t.Error(err)
				}
			}
			return reconcile.Done, nil
		}}
		w = reconciletest.Settle(t, widgets(f))
		w.Apply(newWidget("default/a", 1))
		equal(t, "passes", passes.n(), 2)
		equal(t, "Ready", w.Ready(widget, "default/a"), "True Reconciled")
	})
}

func TestAControllersOwnConflictsAreQuietUntilTheyStay(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		f := funcs{reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
			stale := reconciletest.Object("Secret", "default/s", nil)
			stale.ResourceVersion = "1000000"
			_, err := obj.Objects.Update(ctx, stale)
			return reconcile.Result{}, err
		}}
		w := reconciletest.Settle(t, widgets(f), secret("default/s", ""), newWidget("default/a", 1))
		equal(t, "Ready at first", w.Condition(widget, "default/a", api.Ready).Reason, "")
		w.Advance(time.Minute)
		equal(t, "Ready in the end", w.Condition(widget, "default/a", api.Ready).Reason, "Failed")
	})
}

func TestAStoreThatFailsOnceIsTriedAgain(t *testing.T) {
	for _, op := range []string{"Get", "Update", "UpdateStatus"} {
		t.Run(op, func(t *testing.T) {
			inFakeTime(t, func(t *testing.T) {
				w := reconciletest.Settle(t, widgets(funcs{}))
				w.FailNext(op, errors.New("connection lost"))
				w.Apply(newWidget("default/a", 1))
				equal(t, "observed at first", statusOf(w, "default/a").ObservedGeneration, 0)
				w.Advance(time.Second)
				equal(t, "Ready", w.Ready(widget, "default/a"), "True Reconciled")
			})
		})
	}
}

func TestAPassHasADeadlineAndItsOutcomeIsStoredAllTheSame(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		f := funcs{reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
			<-ctx.Done()
			return reconcile.Result{}, fmt.Errorf("pull busybox: %w", ctx.Err())
		}}
		w := reconciletest.Settle(t, widgets(f), newWidget("default/a", 1))
		w.Advance(2 * time.Minute)
		equal(t, "Ready", w.Ready(widget, "default/a"),
			"False TimedOut: not finished within 2m0s: pull busybox: context deadline exceeded")
	})
}

func TestAKindsOwnConditionsAreKeptAndDated(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		f := funcs{reconcile: func(_ context.Context, obj *object) (reconcile.Result, error) {
			obj.Status.Conditions = []metav1.Condition{{Type: "Complete", Status: metav1.ConditionTrue, Reason: "Ended"}}
			return reconcile.Result{Reason: "Completed"}, nil
		}}
		w := reconciletest.Settle(t, widgets(f), newWidget("default/a", 1))
		equal(t, "Ready", w.Ready(widget, "default/a"), "True Completed")
		first := w.Condition(widget, "default/a", "Complete")
		equal(t, "Complete", first.Reason, "Ended")
		equal(t, "dated", first.LastTransitionTime.IsZero(), false)
		w.Advance(time.Hour)
		w.NoWrites(func() { w.Hint(widget, "default/a") })
		w.Apply(newWidget("default/a", 2))
		equal(t, "time of transition", w.Condition(widget, "default/a", "Complete").LastTransitionTime, first.LastTransitionTime)
	})
}

func TestAKindWithoutCommonStatusIsRefused(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	reconcile.For(widget, ratio[struct{}]{})
}

func TestAManagerRefusesAKindTwice(t *testing.T) {
	m := &reconcile.Manager{Kinds: append(widgets(funcs{}), widgets(funcs{})...)}
	if err := m.Run(t.Context()); err == nil {
		t.Error("no error")
	}
}
