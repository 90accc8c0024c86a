package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
	"github.com/powernode/powernode/store"
)

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
		var tries counter
		f := newFleet(t, func(p *process) []reconcile.Kind {
			return widgets(funcs{reconcile: func(context.Context, *object) (reconcile.Result, error) {
				tries.add()
				return reconcile.Result{}, errors.New("no")
			}})
		})
		one := f.start("one")
		f.make(1)
		elapse(time.Hour)
		f.start("two")
		one.drain()
		before := tries.n()
		elapse(time.Hour)
		if n := tries.n() - before; n < 12 || n > 30 {
			t.Errorf("%d tries in an hour after the handover, as if there was no backoff or no cap", n)
		}
		before = tries.n()
		f.resize(0, 2)
		elapse(10 * time.Second)
		if n := tries.n() - before; n < 3 {
			t.Errorf("%d tries in the ten seconds after the spec changed", n)
		}
	})
}
