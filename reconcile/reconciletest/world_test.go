package reconciletest_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
)

const lamp = "Lamp.example.org"

type lampSpec struct {
	Bright bool `json:"bright"`
}

type lampStatus struct {
	api.CommonStatus `json:",inline"`
	Shines           bool `json:"shines"`
}

// house is the outside world of lamps: it keeps state, and fails on demand.
type house struct {
	mu      sync.Mutex
	shining map[string]bool
	fails   error
}

type lamps struct{ house *house }

func (l lamps) Reconcile(_ context.Context, obj *reconcile.Object[lampSpec, lampStatus]) (reconcile.Result, error) {
	l.house.mu.Lock()
	defer l.house.mu.Unlock()
	if l.house.fails != nil {
		return reconcile.Result{}, l.house.fails
	}
	l.house.shining[obj.Name] = obj.Spec.Bright
	obj.Status.Shines = obj.Spec.Bright
	return reconcile.Done, nil
}

func (l lamps) Delete(_ context.Context, obj *reconcile.Object[lampSpec, lampStatus]) (reconcile.Result, error) {
	l.house.mu.Lock()
	defer l.house.mu.Unlock()
	delete(l.house.shining, obj.Name)
	return reconcile.Done, nil
}

// This is what a test of a controller looks like: a world outside, objects, and
// what both are like in the end.
func TestALampFollowsItsSpec(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		house := &house{shining: map[string]bool{}, fails: errors.New("power cut")}
		w := reconciletest.Settle(t, []reconcile.Kind{reconcile.For(lamp, lamps{house})},
			reconciletest.YAML(t, `
apiVersion: example.org/v1
kind: Lamp
metadata: {namespace: home, name: desk}
spec: {bright: true}
---
apiVersion: example.org/v1
kind: Lamp
metadata: {namespace: home, name: floor}
spec: {bright: false}
`)...)
		if got, want := w.Ready(lamp, "home/desk"), "False Failed: power cut"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}

		house.fails = nil
		w.Advance(time.Second)
		if !reconciletest.Get[lampSpec, lampStatus](w, lamp, "home/desk").Status.Shines || !house.shining["desk"] {
			t.Error("the lamp does not shine")
		}
		w.NoWrites(func() { w.Advance(time.Hour) })

		w.Apply(reconciletest.Object(lamp, "home/floor", lampSpec{Bright: true}))
		w.Delete(lamp, "home/desk")
		if _, there := house.shining["desk"]; there || !house.shining["floor"] || w.Exists(lamp, "home/desk") {
			t.Errorf("left: %v", house.shining)
		}
	})
}

func TestAWorldCountsOnlyWritesThatChangeSomething(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := reconciletest.Settle(t, []reconcile.Kind{reconcile.For(lamp, lamps{&house{shining: map[string]bool{}}})})
		before := w.Writes()
		w.Apply(reconciletest.Object(lamp, "home/desk", lampSpec{Bright: true}))
		if n := w.Writes() - before; n != 2 { // finalizer, status
			t.Errorf("%d writes", n)
		}
		w.NoWrites(func() {
			w.Hint(lamp, "home/desk")
			w.Restart()
		})
	})
}

func TestACrashedManagerWritesNothingMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowLamps{}
		w := reconciletest.Settle(t, []reconcile.Kind{reconcile.For(lamp, slow)},
			reconciletest.Object(lamp, "home/desk", lampSpec{Bright: true}))
		w.Become(nil) // in order: the pass ends and is stored
		if got := w.Ready(lamp, "home/desk"); got != "True Reconciled" {
			t.Errorf("after a restart: %s", got)
		}

		w = reconciletest.Settle(t, []reconcile.Kind{reconcile.For(lamp, slow)},
			reconciletest.Object(lamp, "home/desk", lampSpec{Bright: true}))
		w.NoWrites(w.Crash)
		if got := w.Ready(lamp, "home/desk"); got != " " {
			t.Errorf("after a crash: %s", got)
		}
		w.Advance(10 * time.Second)
		if got := w.Ready(lamp, "home/desk"); got != "True Reconciled" {
			t.Errorf("after a crash and a while: %s", got)
		}
	})
}

type slowLamps struct{}

func (*slowLamps) Reconcile(context.Context, *reconcile.Object[lampSpec, lampStatus]) (reconcile.Result, error) {
	time.Sleep(10 * time.Second)
	return reconcile.Done, nil
}

func (*slowLamps) Delete(context.Context, *reconcile.Object[lampSpec, lampStatus]) (reconcile.Result, error) {
	return reconcile.Done, nil
}
