package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
	"github.com/powernode/powernode/store"
)

func TestALateWriteOfAFormerOwnerIsRefused(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var once sync.Once // it may begin another pass before it knows
		f := newFleet(t, func(p *process) []reconcile.Kind {
			return widgets(funcs{reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
				obj.Status.Seen = p.name
				obj.Eventf(reconcile.Normal, "Passed", "by %s", p.name)
				child := reconciletest.Object("ConfigMap", "default/of-"+p.name, nil)
				if p.name == "one" {
					once.Do(func() {
						p.freeze()
						p.step() // it wakes when it is too late, and does not look at ctx
					})
				}
				_, err := obj.Objects.Create(context.WithoutCancel(ctx), child)
				return reconcile.Done, err
			}})
		})
		one := f.start("one")
		f.make(1)
		f.start("two")
		elapse(takeover)
		equal(t, "who took over", f.widget(0).Status.Seen, "two")
		one.thaw()
		elapse(time.Second)
		if _, err := f.store.Get(t.Context(), reconciletest.Key("ConfigMap", "default/of-one")); !errors.Is(err, api.ErrNotFound) {
			t.Errorf("what one made late: %v", err)
		}
		if one.metric("powernode_fenced_writes_total") == 0 {
			t.Error("no fenced write was counted")
		}
		events, err := f.store.List(t.Context(), "Event", store.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events.Items {
			if string(e.Rest["message"]) == `"by one"` {
				t.Errorf("an event of the late pass: %s", e.Name)
			}
		}
	})
}

func TestALateEventOfAFormerOwnerIsRefused(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		const number = 40
		f := newFleet(t, func(p *process) []reconcile.Kind {
			return widgets(funcs{reconcile: func(_ context.Context, obj *object) (reconcile.Result, error) {
				obj.Status.Seen = p.name
				obj.Eventf(reconcile.Normal, "Passed", "%s by %s", obj.Name, p.name)
				return reconcile.Done, nil
			}})
		})
		one := f.start("one")
		f.make(number)
		f.start("two")
		elapse(time.Minute)
		seen := func() (by []string) {
			for i := range number {
				by = append(by, f.widget(i).Status.Seen)
			}
			return by
		}
		before := seen()
		for range 2 { // the second is to be told ten seconds later
			for i := range number {
				one.manager.Hint(widgetKey(i))
			}
			elapse(time.Second)
		}
		one.freeze()
		elapse(takeover)
		one.thaw()
		elapse(time.Minute)
		checked := 0
		for i, now := range seen() {
			if before[i] == "one" && now == "two" {
				equal(t, "told of a pass of one", f.told(fmt.Sprintf("w%d by one", i)), "2")
				checked++
			}
		}
		if checked == 0 {
			t.Error("no widget went from one to two")
		}
	})
}

// told is how often a message has been told.
func (f *fleet) told(message string) string {
	f.t.Helper()
	events, err := f.store.List(f.t.Context(), "Event", store.ListOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, e := range events.Items {
		if string(e.Rest["message"]) == strconv.Quote(message) {
			return string(e.Rest["count"])
		}
	}
	return "never"
}

// A pass that does not heed its context is waited for.
func TestWhoWasTakenForDeadJoinsAgainAfterItsPasses(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		const long = time.Minute
		f := newFleet(t, func(p *process) []reconcile.Kind {
			return widgets(funcs{reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
				now := p.begin(ctx, obj.Key)
				defer now.end(obj.Key)
				time.Sleep(long)
				return reconcile.Done, nil
			}})
		})
		one := f.start("one")
		f.make(1)
		former := one.member.ID()
		one.hush()
		elapse(takeover)
		equal(t, "passes", f.passed(widgetKey(0)), 1)
		equal(t, "the member", one.member.ID(), former)
		elapse(2 * long)
		if one.member.ID() == former {
			t.Error("it did not join again")
		}
		equal(t, "lacking", len(f.lacking(1)), 0)
	})
}
