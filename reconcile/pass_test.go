package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"math"
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
		group := "x"
		kinds := widgets(funcs{}, reconcile.Serialize(func(*api.Object) string { return group }))
		w := reconciletest.Settle(t, kinds, newWidget("default/a", 1))
		group = "y" // as if the feed had not told yet
		w.Hint(widget, "default/a")
		w.NoWrites(func() { w.Advance(time.Hour) })
		w.Apply(newWidget("default/a", 2))
		equal(t, "a", statusOf(w, "default/a").Size, 2)
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
