// Package storetest holds the rules of package store as tests, each named by the
// rule it proves. Every store runs them all.
package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// long is how long anything may take before a test gives up. Nothing is measured by it.
const long = 30 * time.Second

// rule is one sentence of the contract.
type rule struct {
	name string
	test func(t *testing.T, s store.Store)
}

// Store proves the rules of store.Store on stores that open makes, a fresh one for each.
func Store(t *testing.T, open func(t *testing.T) store.Store) {
	for _, rules := range [][]rule{createRules, updateRules, deleteRules, listRules, watchRules, historyRules, raceRules} {
		for _, r := range rules {
			t.Run(r.name, func(t *testing.T) { r.test(t, open(t)) })
		}
	}
}

// object is a Pipeline in the namespace default.
func object(name string) *api.Object {
	o := &api.Object{Spec: json.RawMessage(`{"n": 1}`)}
	o.APIVersion, o.Kind, o.Namespace, o.Name = api.APIVersion, "Pipeline", "default", name
	return o
}

const kind = "Pipeline." + api.Group

// with returns a changed copy.
func with(o *api.Object, change func(o *api.Object)) *api.Object {
	c := o.Clone()
	change(c)
	return c
}

func spec(n int) func(o *api.Object) {
	return func(o *api.Object) { o.Spec = json.RawMessage(fmt.Sprintf(`{"n": %d}`, n)) }
}

func label(key, value string) func(o *api.Object) {
	return func(o *api.Object) { o.Labels = map[string]string{key: value} }
}

func create(t *testing.T, s store.Store, o *api.Object) *api.Object {
	t.Helper()
	made, err := s.Create(t.Context(), o)
	if err != nil {
		t.Fatalf("create %s: %v", o.Key(), err)
	}
	return made
}

func update(t *testing.T, s store.Store, o *api.Object) *api.Object {
	t.Helper()
	made, err := s.Update(t.Context(), o)
	if err != nil {
		t.Fatalf("update %s: %v", o.Key(), err)
	}
	return made
}

func remove(t *testing.T, s store.Store, o *api.Object) *api.Object {
	t.Helper()
	last, err := s.Delete(t.Context(), o.Key(), store.Preconditions{})
	if err != nil {
		t.Fatalf("delete %s: %v", o.Key(), err)
	}
	return last
}

func removeWith(t *testing.T, s store.Store, o *api.Object, opts ...store.WriteOption) *api.Object {
	t.Helper()
	last, err := s.Delete(t.Context(), o.Key(), store.Preconditions{}, opts...)
	if err != nil {
		t.Fatalf("delete %s: %v", o.Key(), err)
	}
	return last
}

func get(t *testing.T, s store.Store, key api.Key) *api.Object {
	t.Helper()
	o, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	return o
}

func list(t *testing.T, s store.Store, opts store.ListOptions) store.List {
	t.Helper()
	l, err := s.List(t.Context(), kind, opts)
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	return l
}

func revision(t *testing.T, o *api.Object) store.Revision {
	t.Helper()
	var r store.Revision
	if _, err := fmt.Sscan(o.ResourceVersion, &r); err != nil {
		t.Fatalf("resourceVersion %q: %v", o.ResourceVersion, err)
	}
	return r
}

// same compares documents.
func same(t *testing.T, got, want *api.Object) {
	t.Helper()
	a, errA := json.Marshal(got)
	b, errB := json.Marshal(want)
	if errA != nil || errB != nil || !api.SameJSON(a, b) {
		t.Fatalf("got  %s (%v)\nwant %s (%v)", a, errA, b, errB)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

func names(l store.List) string {
	s := ""
	for _, o := range l.Items {
		s += o.Namespace + "/" + o.Name + " "
	}
	return s
}

// watching collects the events of a watch.
type watching struct {
	t      *testing.T
	events chan store.Event
	err    error // once events is closed
}

// watch starts a watch that ends with the test.
func watch(t *testing.T, s store.Store, from store.Revision, opts store.WatchOptions) *watching {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &watching{t: t, events: make(chan store.Event)}
	go func() {
		defer close(w.events)
		for e, err := range s.Watch(ctx, kind, from, opts) {
			if err != nil {
				w.err = err
				return
			}
			select {
			case w.events <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		for range w.events {
		}
	})
	return w
}

// next is the next event.
func (w *watching) next() store.Event {
	w.t.Helper()
	select {
	case e, open := <-w.events:
		if !open {
			w.t.Fatalf("the watch ended: %v", w.err)
		}
		return e
	case <-time.After(long):
		w.t.Fatal("the watch tells nothing")
	}
	panic("unreachable")
}

// expect is next, and checks type, name and revision.
func (w *watching) expect(kind store.EventType, o *api.Object) store.Event {
	w.t.Helper()
	e := w.next()
	if e.Type != kind || e.Object == nil || e.Object.Name != o.Name || e.Revision.String() != o.ResourceVersion || e.Object.ResourceVersion != o.ResourceVersion {
		w.t.Fatalf("the watch tells %s at %d of %v; want %s of %s at %s", e.Type, e.Revision, e.Object, kind, o.Name, o.ResourceVersion)
	}
	return e
}
