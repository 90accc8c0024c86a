package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
)

// chatter is a controller that tells n notices in each pass, made by notice.
func chatter(n int, notice func(obj *object, i int)) funcs {
	return funcs{reconcile: func(_ context.Context, obj *object) (reconcile.Result, error) {
		for i := range n {
			notice(obj, i)
		}
		return reconcile.Done, nil
	}}
}

func TestManyMessagesOfOneReasonAreOneEventThatShowsTheLast(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		f := chatter(1000, func(obj *object, i int) { obj.Eventf("Normal", "Pulled", "layer %d", i) })
		w := reconciletest.Settle(t, widgets(f), newWidget("default/a", 1))
		w.Advance(time.Minute)
		count, last := 0, ""
		events := w.Events(widget, "default/a")
		for _, e := range events {
			count += e.Count
			if strings.HasPrefix(e.Message, "(combined") {
				last = e.Message
			}
		}
		equal(t, "events", len(events), 11)
		equal(t, "count of all", count, 1000)
		equal(t, "the combined one", last, "(combined from similar events): layer 999")
		w.Advance(time.Hour)
		w.Hint(widget, "default/a")
		equal(t, "an hour later they are told one by one again", len(w.Events(widget, "default/a")), 11)
	})
}

func TestAnObjectHasFewEventsAtOnceAndFewMoreLater(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		f := chatter(1000, func(obj *object, i int) { obj.Eventf("Normal", fmt.Sprintf("R%d-%d", time.Now().Unix(), i), "x") })
		w := reconciletest.Settle(t, widgets(f), newWidget("default/a", 1), newWidget("default/b", 1))
		equal(t, "events of a", len(w.Events(widget, "default/a")), 25)
		equal(t, "events of b", len(w.Events(widget, "default/b")), 25)
		w.Advance(50 * time.Minute)
		w.Hint(widget, "default/a")
		equal(t, "events of a later", len(w.Events(widget, "default/a")), 35)
	})
}

func TestAFloodOfOneKindIsBoundedAndLeavesRoomForOthers(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		const other = "Gadget.example.org"
		kinds := append(widgets(telling), reconcile.For(other, telling))
		w := reconciletest.Settle(t, kinds)
		var objs []*api.Object
		for i := range 3000 {
			objs = append(objs, newWidget(fmt.Sprintf("default/w%d", i), 1))
		}
		w.Apply(append(objs, reconciletest.Object(other, "default/g", widgetSpec{Size: 1}))...)
		if n := len(w.List("Event")); n != 501 {
			t.Errorf("%d events of 3000 objects", n)
		}
		equal(t, "events of the other kind", len(w.Events(other, "default/g")), 1)
		w.Advance(time.Minute)
		w.Apply(newWidget("default/later", 1))
		equal(t, "events when the flood is over", len(w.Events(widget, "default/later")), 1)
	})
}

func TestANoticeThatNeverEndsIsWrittenMoreAndMoreRarely(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		w := reconciletest.Settle(t, widgets(telling), newWidget("default/a", 1))
		before := w.Writes()
		for range 3600 {
			w.Hint(widget, "default/a")
			w.Advance(time.Second)
		}
		if n := w.Writes() - before; n < 10 || n > 20 {
			t.Errorf("%d writes in an hour", n)
		}
		w.Advance(10 * time.Minute)
		equal(t, "count", eventOf(t, w, "default/a", "Started").Count, 3601)
	})
}

func TestWhatThePassToldIsNotToldAgainByTheEngine(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		f := funcs{reconcile: func(_ context.Context, obj *object) (reconcile.Result, error) {
			switch obj.Spec.Size {
			case 1, 2:
				return reconcile.Wait("step %d", obj.Spec.Size)
			case 3:
				return reconcile.Result{}, errors.New("refused")
			}
			obj.Eventf("Warning", "RunFailed", "ended")
			return reconcile.Done, nil
		}}
		w := reconciletest.Settle(t, widgets(f), newWidget("default/a", 1), newWidget("default/b", 4))
		equal(t, "events of what was right from the start", fmt.Sprint(w.Events(widget, "default/b")), "[{Warning RunFailed ended 1}]")
		for size := 2; size <= 4; size++ {
			w.Apply(newWidget("default/a", size))
		}
		got := map[string]int{}
		for _, e := range w.Events(widget, "default/a") {
			got[e.Reason] += e.Count
		}
		equal(t, "events", fmt.Sprint(got), "map[Failed:1 RunFailed:1 Waiting:1]")
	})
}
