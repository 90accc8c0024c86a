package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
	"github.com/powernode/powernode/store"
)

// takeover is how soon a dead member's keys are to be worked on again.
const takeover = 15 * time.Second

// slowly makes the kind of widgets for each process.
func slowly(takes time.Duration, opts ...reconcile.Option) func(*process) []reconcile.Kind {
	return func(p *process) []reconcile.Kind { return widgets(funcs{reconcile: p.slow(takes)}, opts...) }
}

func elapse(t time.Duration) { time.Sleep(t); synctest.Wait() }

func widgetKey(i int) api.Key { return reconciletest.Key(widget, fmt.Sprintf("default/w%d", i)) }

// make creates widgets.
func (f *fleet) make(n int) {
	f.t.Helper()
	for i := range n {
		if _, err := f.store.Create(f.t.Context(), newWidget("default/"+widgetKey(i).Name, 1)); err != nil {
			f.t.Fatal(err)
		}
	}
	synctest.Wait()
}

// resize is the owner's new wish.
func (f *fleet) resize(i, size int) { resize(f.t, f.store, widgetKey(i), size) }

func resize(t *testing.T, s store.Store, key api.Key, size int) {
	t.Helper()
	for {
		live, err := s.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		next := live.Clone()
		next.Spec = fmt.Appendf(nil, `{"size":%d}`, size)
		if _, err := s.Update(t.Context(), next); err == nil {
			return
		} else if !errors.Is(err, api.ErrConflict) {
			t.Fatal(err)
		}
	}
}

// widget reads one.
func (f *fleet) widget(i int) *object {
	f.t.Helper()
	live, err := f.store.Get(f.t.Context(), widgetKey(i))
	if err != nil {
		f.t.Fatal(err)
	}
	typed, err := reconcile.Decode[widgetSpec, widgetStatus](live)
	if err != nil {
		f.t.Fatal(err)
	}
	return typed
}

// lacking are the widgets whose status is not as wished.
func (f *fleet) lacking(n int) (list []int) {
	for i := range n {
		if w := f.widget(i); w.Status.Size != w.Spec.Size || w.Status.ObservedGeneration != w.Meta.Generation {
			list = append(list, i)
		}
	}
	return list
}

// of counts which process worked last on how many widgets.
func (f *fleet) of(n int) map[string]int {
	who := map[string]int{}
	for i := range n {
		who[f.widget(i).Status.Seen]++
	}
	return who
}

func TestMembersShareTheWorkAndAJoinMovesIt(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		f := newFleet(t, slowly(0))
		one := f.start("one")
		f.make(200)
		equal(t, "worked on by one", f.of(200)["one"], 200)
		equal(t, "slots of one", one.metric("powernode_member_slots"), store.Slots)
		two := f.start("two")
		who := f.of(200)
		if who["one"] < 60 || who["two"] < 60 {
			t.Errorf("who worked last on how many: %v", who)
		}
		equal(t, "slots of one", one.metric("powernode_member_slots"), store.Slots/2)
		equal(t, "slots of two", two.metric("powernode_member_slots"), store.Slots/2)
		equal(t, "members", two.metric("powernode_members"), 2)
		equal(t, "handovers to two", two.metric("powernode_member_handovers_total"), store.Slots/2)
	})
}

func TestADeadMembersKeysAreTakenOverInTime(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		f := newFleet(t, slowly(time.Second))
		one := f.start("one")
		f.start("two")
		f.start("three")
		f.make(60)
		elapse(time.Minute)
		one.kill()
		for i := range 60 {
			f.resize(i, 2)
		}
		elapse(takeover)
		if lacking := f.lacking(60); len(lacking) > 0 {
			t.Errorf("not taken over after %v: %v", takeover, lacking)
		}
	})
}

func TestADrainHandsOverAtOnce(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		const long = 15 * time.Second
		f := newFleet(t, func(p *process) []reconcile.Kind {
			return widgets(funcs{reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
				if obj.Spec.Size == 99 {
					return p.slow(long)(ctx, obj)
				}
				return p.slow(0)(ctx, obj)
			}})
		})
		one := f.start("one")
		f.make(60)
		f.resize(0, 99)
		synctest.Wait() // one is in the long pass
		f.start("two")
		one.drain()
		who := f.of(60)
		equal(t, "handed over at once", who["two"], 59)
		equal(t, "the one in a pass stays", f.widget(0).Status.Size, 1)
		elapse(long)
		<-one.ended
		equal(t, "the long pass ended", f.widget(0).Status.Size, 99)
		if _, err := f.store.Create(t.Context(), newWidget("default/late", 1), store.Fenced(one.member.ID())); !errors.Is(err, store.ErrFenced) {
			t.Errorf("one is a member still: %v", err)
		}
		f.resize(0, 2)
		elapse(long)
		equal(t, "who works on it then", f.widget(0).Status.Seen, "two")
	})
}

func TestAMemberThatDoesNotHearItselfStopsItsPassesAndGoesOn(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		f := newFleet(t, slowly(time.Minute))
		one := f.start("one")
		f.make(1)
		one.hush()
		elapse(store.SilencePauses - time.Millisecond)
		equal(t, "heard", one.metric("powernode_member_heard"), 1)
		elapse(time.Second)
		equal(t, "heard", one.metric("powernode_member_heard"), 0)
		equal(t, "passes that go on", f.passing(widgetKey(0)), 0)
		f.members.Hear(one.member.ID())
		elapse(time.Minute)
		equal(t, "lacking", len(f.lacking(1)), 0)
		equal(t, "passes", f.passed(widgetKey(0)), 2)
		equal(t, "still all slots", one.metric("powernode_member_handovers_total"), store.Slots)
	})
}
