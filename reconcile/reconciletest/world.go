// Package reconciletest runs controllers through the real Manager on the memory
// store, in the fake time of testing/synctest: a test applies objects, lets the
// world settle, and asserts the state at the end, never the calls.
//
// Call it inside a bubble:
//
//	synctest.Test(t, func(t *testing.T) {
//		docker := &fakeDocker{}
//		w := reconciletest.Settle(t, kinds, reconciletest.Object("Widget.powernode.io", "default/a", spec))
//		w.Advance(time.Minute)
//		got := reconciletest.Get[Spec, Status](w, "Widget.powernode.io", "default/a")
//		w.NoWrites(func() { w.Advance(10 * time.Hour) })
//	})
//
// Quiet means that nothing is left to do at this moment of fake time; what is due later
// (a retry, Result.After) comes with Advance. Passes of several objects run at once, so a fake world that more
// than one object uses needs a lock. The package knows no kind and no outside world.
package reconciletest

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/memory"
)

// World is a store with a Manager at work on it.
type World struct {
	t     *testing.T
	kinds []reconcile.Kind
	// Store is the store itself, for what the methods of World do not offer.
	// Writes through it are not counted by NoWrites.
	Store store.Store
	// Manager is the one at work now; Restart and Crash replace it.
	Manager *reconcile.Manager

	handle *handle // the manager's way to the store
	spy    *spy    // what the managers of this world do to the store
	cancel context.CancelFunc
	ended  chan struct{}
}

// Settle starts a Manager for kinds, applies objs and waits until all is quiet.
// The Manager ends with the test.
func Settle(t *testing.T, kinds []reconcile.Kind, objs ...*api.Object) *World {
	t.Helper()
	w := &World{t: t, kinds: kinds, Store: &memory.Store{}, spy: &spy{}}
	w.start()
	t.Cleanup(w.stop)
	w.Apply(objs...)
	return w
}

func (w *World) start() {
	w.handle = &handle{Store: w.Store, spy: w.spy}
	w.Manager = &reconcile.Manager{
		Store: w.handle, Kinds: w.kinds,
		Log: slog.New(slog.NewTextHandler(w.t.Output(), nil)),
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel, w.ended = cancel, make(chan struct{})
	go func(m *reconcile.Manager, ended chan struct{}) {
		defer close(ended)
		if err := m.Run(ctx); err != nil {
			w.t.Errorf("manager: %v", err)
		}
	}(w.Manager, w.ended)
	synctest.Wait()
}

func (w *World) stop() {
	w.cancel()
	<-w.ended
}

// Settle waits until nothing is left to do at this moment of fake time.
func (w *World) Settle() { w.Advance(0) }

// Advance lets fake time pass, and waits until all is quiet. What the test did
// before is seen by every pass that begins after, without a lock of the test's own.
func (w *World) Advance(d time.Duration) {
	w.spy.sync()
	time.Sleep(d)
	synctest.Wait()
}

// Restart ends the Manager in order, which lets running passes end, and starts a new one on the same store.
func (w *World) Restart() {
	w.stop()
	w.start()
}

// Become is Restart with other kinds, as a new version of the program may have.
func (w *World) Become(kinds []reconcile.Kind) {
	w.kinds = kinds
	w.Restart()
}

// Crash ends the Manager as a kill would: from this moment on nothing of it
// reaches the store. Then it starts a new one on the same store.
func (w *World) Crash() {
	w.handle.dead.Store(true)
	w.stop()
	w.start()
}

// Hint tells the Manager that the world changed around an object.
func (w *World) Hint(kind, name string) {
	w.Manager.Hint(Key(kind, name))
	synctest.Wait()
}

// Intercept lets f see every call that the Manager makes to the store, before it is made: op is the
// name of the Store's method. An error of f is what the call returns. Nil ends it.
func (w *World) Intercept(f func(op string, key api.Key) error) { w.spy.intercept(f) }

// FailNext makes the Manager's next call of op fail with err, once.
func (w *World) FailNext(op string, err error) {
	failed := false
	w.Intercept(func(name string, _ api.Key) error {
		if name != op || failed {
			return nil
		}
		failed = true
		return err
	})
}

// Writes is how many writes the Manager has made that changed the store.
func (w *World) Writes() int { return w.spy.count() }

// NoWrites runs f and fails the test if the Manager changed the store meanwhile.
func (w *World) NoWrites(f func()) {
	w.t.Helper()
	before := w.Writes()
	f()
	if n := w.Writes() - before; n != 0 {
		w.t.Errorf("%d writes to the store where none was expected: %v", n, w.spy.last(n))
	}
}

// Apply creates objects, or gives those that are there the spec, fields, labels and
// annotations of objs, as kubectl apply does; then it waits until all is quiet.
func (w *World) Apply(objs ...*api.Object) {
	w.t.Helper()
	for _, obj := range objs {
		if err := w.apply(obj); err != nil {
			w.t.Fatalf("apply %s: %v", obj.Key(), err)
		}
	}
	synctest.Wait()
}

func (w *World) apply(obj *api.Object) error {
	for {
		live, err := w.Store.Get(w.t.Context(), obj.Key())
		if errors.Is(err, api.ErrNotFound) {
			_, err = w.Store.Create(w.t.Context(), obj)
			return err
		}
		if err != nil {
			return err
		}
		next := live.Clone()
		next.Spec, next.Rest, next.Labels, next.Annotations = obj.Spec, obj.Rest, obj.Labels, obj.Annotations
		if _, err = w.Store.Update(w.t.Context(), next); !errors.Is(err, api.ErrConflict) {
			return err
		}
	}
}

// Delete asks for the removal of an object, and waits until all is quiet.
func (w *World) Delete(kind, name string) {
	w.t.Helper()
	if _, err := w.Store.Delete(w.t.Context(), Key(kind, name), store.Preconditions{}); err != nil {
		w.t.Fatalf("delete %s: %v", Key(kind, name), err)
	}
	synctest.Wait()
}
