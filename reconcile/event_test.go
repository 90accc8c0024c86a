package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
)

func eventOf(t *testing.T, w *reconciletest.World, name, reason string) reconciletest.Event {
	t.Helper()
	events := w.Events(widget, name)
	i := slices.IndexFunc(events, func(e reconciletest.Event) bool { return e.Reason == reason })
	if i < 0 {
		t.Fatalf("no event %s of %s in %v", reason, name, events)
	}
	return events[i]
}

func TestATurnOfReadyIsAnEvent(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		w := reconciletest.Settle(t, widgets(reading), reconciletest.Object(widget, "default/a", widgetSpec{Ref: "s"}))
		equal(t, "waiting", eventOf(t, w, "default/a", "Waiting"),
			reconciletest.Event{Type: "Normal", Reason: "Waiting", Message: "Secret s does not exist", Count: 1})
		w.Apply(secret("default/s", ""))
		equal(t, "ready", eventOf(t, w, "default/a", "Reconciled").Type, "Normal")
		w.Apply(secret("default/s", "2"))
		equal(t, "events when only the status changed", len(w.Events(widget, "default/a")), 2)
	})
}

func TestAnErrorIsAWarning(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		f := funcs{reconcile: func(context.Context, *object) (reconcile.Result, error) {
			return reconcile.Result{}, errors.New("refused")
		}}
		w := reconciletest.Settle(t, widgets(f), newWidget("default/a", 1))
		w.Advance(time.Hour)
		equal(t, "event", eventOf(t, w, "default/a", "Failed"),
			reconciletest.Event{Type: "Warning", Reason: "Failed", Message: "refused", Count: 1})
	})
}

// telling is a controller with the same notice in each pass.
var telling = funcs{reconcile: func(_ context.Context, obj *object) (reconcile.Result, error) {
	obj.Eventf("Normal", "Started", "container %d", obj.Spec.Size)
	return reconcile.Done, nil
}}

func TestTheSameNoticeCountsUpWithFewWrites(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		w := reconciletest.Settle(t, widgets(telling), newWidget("default/a", 1))
		before := w.Writes()
		for range 100 {
			w.Hint(widget, "default/a")
		}
		equal(t, "writes at once", w.Writes()-before, 0)
		w.Advance(10 * time.Second)
		equal(t, "writes later", w.Writes()-before, 1)
		equal(t, "count", eventOf(t, w, "default/a", "Started").Count, 101)
		w.NoWrites(func() { w.Advance(time.Hour) })
	})
}

func TestARestartedServerGoesOnCounting(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		w := reconciletest.Settle(t, widgets(telling), newWidget("default/a", 1))
		w.Restart()
		equal(t, "count", eventOf(t, w, "default/a", "Started").Count, 2)
	})
}

func TestWhatIsLeftIsWrittenWhenTheManagerEnds(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		w := reconciletest.Settle(t, widgets(telling), newWidget("default/a", 1))
		w.Hint(widget, "default/a")
		equal(t, "count while it runs", eventOf(t, w, "default/a", "Started").Count, 1)
		w.Become(nil)
		equal(t, "count in the end", eventOf(t, w, "default/a", "Started").Count, 2)
	})
}

func TestEventsHaveTheFieldsThatKubectlDescribeAsksFor(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		w := reconciletest.Settle(t, widgets(telling), newWidget("team/a", 1), newWidget("alone", 2))
		find := func(namespace, about string) string {
			for _, e := range w.List("Event") {
				if e.Namespace == namespace && strings.Contains(string(e.Rest["involvedObject"]), `"name":"`+about+`"`) &&
					string(e.Rest["reason"]) == `"Started"` {
					return fmt.Sprintf("%s %s %s %s", e.Rest["involvedObject"], e.Rest["source"], e.Rest["type"], e.Rest["firstTimestamp"])
				}
			}
			return "none"
		}
		want := func(name, namespace, full string) string {
			return fmt.Sprintf(`{"apiVersion":"example.org/v1","kind":"Widget","name":%q,"namespace":%q,"uid":%q} `+
				`{"component":"widget-controller"} "Normal" "2000-01-01T00:00:00.000000Z"`, name, namespace, w.Object(widget, full).UID)
		}
		equal(t, "of a namespaced object", find("team", "a"), want("a", "team", "team/a"))
		equal(t, "of one outside namespaces", find("default", "alone"), want("alone", "", "alone"))
	})
}

func TestEventsOfOneSecondTellWhichCameFirst(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		f := funcs{reconcile: func(_ context.Context, obj *object) (reconcile.Result, error) {
			if obj.Spec.Size == 1 {
				time.Sleep(100 * time.Millisecond)
			}
			obj.Eventf("Normal", fmt.Sprint("Step", obj.Spec.Size), "went")
			return reconcile.Done, nil
		}}
		w := reconciletest.Settle(t, widgets(f), newWidget("default/a", 1), newWidget("default/b", 2))
		w.Advance(time.Second)
		at := map[string]string{}
		for _, e := range w.List("Event") {
			at[string(e.Rest["reason"])] = string(e.Rest["lastTimestamp"])
		}
		if at[`"Step1"`] <= at[`"Step2"`] {
			t.Errorf("got %v", at)
		}
	})
}

func TestOldEventsAreRemovedWhenNewOnesCome(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		w := reconciletest.Settle(t, widgets(telling), newWidget("default/a", 1))
		equal(t, "events", len(w.Events(widget, "default/a")), 1)
		w.NoWrites(func() { w.Advance(2 * time.Hour) })
		w.Apply(newWidget("default/b", 2))
		equal(t, "old events", len(w.Events(widget, "default/a")), 0)
		equal(t, "new events", len(w.Events(widget, "default/b")), 1)
	})
}

func TestAStoreThatRefusesEventsFailsNoPassAndLosesNoCount(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		w := reconciletest.Settle(t, widgets(telling))
		w.Intercept(func(op string, key api.Key) error {
			if key.Kind == "Event" {
				return errors.New("full")
			}
			return nil
		})
		w.Apply(newWidget("default/a", 1))
		equal(t, "Ready", w.Ready(widget, "default/a"), "True Reconciled")
		w.Hint(widget, "default/a")
		w.Intercept(nil)
		w.Advance(10 * time.Second)
		equal(t, "count", eventOf(t, w, "default/a", "Started").Count, 2)
	})
}

func TestALongMessageIsCutOnACharacter(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		f := funcs{reconcile: func(_ context.Context, obj *object) (reconcile.Result, error) {
			return reconcile.Wait("x%s", strings.Repeat("ä", 5000))
		}}
		w := reconciletest.Settle(t, widgets(f), newWidget("default/a", 1))
		want := "x" + strings.Repeat("ä", 510) + "…"
		equal(t, "condition", w.Condition(widget, "default/a", api.Ready).Message, want)
		equal(t, "event", eventOf(t, w, "default/a", "Waiting").Message, want)
	})
}
