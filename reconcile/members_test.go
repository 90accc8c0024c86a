package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
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

func TestALateWriteOfAFormerOwnerIsRefused(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		f := newFleet(t, func(p *process) []reconcile.Kind {
			return widgets(funcs{reconcile: func(ctx context.Context, obj *object) (reconcile.Result, error) {
				obj.Status.Seen = p.name
				obj.Eventf(reconcile.Normal, "Passed", "by %s", p.name)
				child := reconciletest.Object("ConfigMap", "default/of-"+p.name, nil)
				if p.name == "one" && p.runs() {
					p.freeze()
					p.step() // it wakes when it is too late, and does not look at ctx
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

func TestADutyIsDoneByOneAndMovesOn(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		f := newFleet(t, slowly(0))
		doing := map[*process]bool{}
		duty := func(p *process) reconcile.Duty {
			return reconcile.Duty{Name: "sweep", Run: func(ctx context.Context, objects store.Store) error {
				f.mu.Lock()
				for other := range doing {
					if other.runs() {
						t.Errorf("%s and %s do it at once", p.name, other.name)
					}
				}
				doing[p] = true
				f.mu.Unlock()
				<-ctx.Done()
				p.step()
				_, err := objects.Create(context.Background(), reconciletest.Object("ConfigMap", "default/"+p.name, nil))
				f.mu.Lock()
				delete(doing, p)
				f.mu.Unlock()
				return err
			}}
		}
		for _, name := range []string{"one", "two", "three", "four"} {
			f.start(name, duty)
		}
		who := func() *process {
			f.mu.Lock()
			defer f.mu.Unlock()
			for p := range doing {
				if p.runs() {
					return p
				}
			}
			return nil
		}
		for n, end := range []func(*process){(*process).drain, (*process).kill, (*process).freeze} {
			first := who()
			if first == nil {
				t.Fatal("nobody does it")
			}
			end(first)
			wait := time.Duration(0)
			if n > 0 {
				wait = takeover
			}
			elapse(wait)
			if next := who(); next == nil || next == first {
				t.Fatalf("%d: it did not move on from %s", n, first.name)
			}
			first.thaw()
			elapse(time.Second)
			_, err := f.store.Get(t.Context(), reconciletest.Key("ConfigMap", "default/"+first.name))
			if n == 0 && err != nil || n == 2 && !errors.Is(err, api.ErrNotFound) {
				t.Errorf("%d: the last write of %s: %v", n, first.name, err)
			}
		}
	})
}

func TestAShardIsWorkedOnByOneMember(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		const other = "Gadget.example.org"
		released := map[string]map[api.Key]bool{"one": {}, "two": {}}
		f := newFleet(t, func(p *process) []reconcile.Kind {
			shard := reconcile.Shard(func(obj *api.Object) string { return obj.Name[:2] })
			free := reconcile.Released(func(key api.Key) { released[p.name][key] = true })
			c := funcs{reconcile: p.slow(0)}
			return []reconcile.Kind{reconcile.For(widget, c, shard, free), reconcile.For(other, c, shard)}
		})
		f.start("one")
		for i := range 50 {
			for _, kind := range []string{widget, other} {
				if _, err := f.store.Create(t.Context(), reconciletest.Object(kind, fmt.Sprintf("default/%02d-%s", i, kind[:1]), nil)); err != nil {
					t.Fatal(err)
				}
			}
		}
		f.start("two")
		seen := map[string]map[string]bool{}
		for _, kind := range []string{widget, other} {
			list, err := f.store.List(t.Context(), kind, store.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for _, obj := range list.Items {
				typed, err := reconcile.Decode[widgetSpec, widgetStatus](obj)
				if err != nil {
					t.Fatal(err)
				}
				if seen[obj.Name[:2]] == nil {
					seen[obj.Name[:2]] = map[string]bool{}
				}
				seen[obj.Name[:2]][typed.Status.Seen] = true
			}
		}
		moved := 0
		for shard, who := range seen {
			if len(who) != 1 {
				t.Errorf("shard %s was worked on by %v", shard, who)
			}
			if who["two"] {
				moved++
			}
		}
		if moved == 0 || moved == 50 || len(released["one"]) != moved {
			t.Errorf("%d shards moved, one released %d", moved, len(released["one"]))
		}
	})
}

func TestRetriesBackOffOnWhateverMemberAndResetWithTheSpec(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		var tries []time.Time
		f := newFleet(t, func(p *process) []reconcile.Kind {
			return widgets(funcs{reconcile: func(context.Context, *object) (reconcile.Result, error) {
				tries = append(tries, time.Now())
				return reconcile.Result{}, errors.New("no")
			}})
		})
		one := f.start("one")
		f.make(1)
		elapse(time.Hour)
		f.start("two")
		one.drain()
		before := len(tries)
		elapse(time.Hour)
		if n := len(tries) - before; n < 12 || n > 30 {
			t.Errorf("%d tries in an hour after the handover, as if there was no backoff or no cap", n)
		}
		before = len(tries)
		f.resize(0, 2)
		elapse(10 * time.Second)
		if n := len(tries) - before; n < 3 {
			t.Errorf("%d tries in the ten seconds after the spec changed", n)
		}
	})
}

// Members join, drain, die and stall at random; no key is ever worked on by two at once, and in
// the end all is as wished.
func TestMembersComeAndGoAndNoKeyIsWorkedOnTwiceAtOnce(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			inFakeTime(t, func(t *testing.T) { comeAndGo(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func comeAndGo(t *testing.T, random *rand.Rand) {
	const widgets, moments = 40, 50
	f := newFleet(t, slowly(1500*time.Millisecond))
	f.make(widgets)
	running := []*process{f.start("p0")}
	var frozen []*process
	pick := func() (p *process) {
		i := random.IntN(len(running))
		p = running[i]
		running = slices.Delete(running, i, i+1)
		return p
	}
	for n := range moments {
		switch what := random.IntN(10); {
		case len(running) < 2 || what < 3 && len(running) < 7:
			running = append(running, f.start(fmt.Sprint("p", n+1)))
		case what == 3:
			pick().drain()
		case what == 4:
			pick().kill()
		case what == 5:
			p := pick()
			p.freeze()
			frozen = append(frozen, p)
		case what == 6 && len(frozen) > 0:
			frozen[0].thaw()
			running, frozen = append(running, frozen[0]), frozen[1:]
		}
		for range random.IntN(8) {
			f.resize(random.IntN(widgets), 1+random.IntN(100))
		}
		elapse(time.Duration(random.IntN(6000)) * time.Millisecond)
	}
	for _, p := range frozen {
		p.thaw()
	}
	for i := range widgets {
		f.resize(i, 1000)
	}
	elapse(2 * takeover)
	if lacking := f.lacking(widgets); len(lacking) > 0 {
		t.Errorf("not as wished in the end: %v", lacking)
		for _, p := range slices.Concat(running, frozen) {
			t.Logf("%s has %v slots, hears itself: %v", p.name, p.metric("powernode_member_slots"), p.metric("powernode_member_heard"))
		}
	}
}
