package postgres_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
)

const kind = "Pipeline." + api.Group

func object(name string) *api.Object {
	o := &api.Object{Spec: json.RawMessage(`{"n":0}`)}
	o.APIVersion, o.Kind, o.Namespace, o.Name = api.APIVersion, "Pipeline", "default", name
	return o
}

// changed is the object with another spec and labels.
func changed(o *api.Object, n int, labels map[string]string) *api.Object {
	c := o.Clone()
	c.Spec, c.Labels = json.RawMessage(fmt.Sprintf(`{"n":%d}`, n)), labels
	return c
}

func must(t testing.TB) func(o *api.Object, err error) *api.Object {
	return func(o *api.Object, err error) *api.Object {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
}

// tell reads n events after a revision.
func tell(t *testing.T, s store.Store, from store.Revision, opts store.WatchOptions, n int) (events []store.Event, err error) {
	t.Helper()
	for e, err := range s.Watch(t.Context(), kind, from, opts) {
		if err != nil {
			return events, err
		}
		if events = append(events, e); len(events) == n {
			break
		}
	}
	return events, nil
}

// A watch and a list that the memory does not reach back for are answered from the
// log of changes, with the states before each change.
func TestTheLogAnswersWhatTheMemoryHasForgotten(t *testing.T) {
	s := openWith(t, postgres.Config{DSN: pgtest.DSN(t)}.Short(1000, 5000, 1000, 4))
	ctx, ok := t.Context(), must(t)
	a := ok(s.Create(ctx, object("a")))
	in := ok(s.Update(ctx, changed(a, 1, map[string]string{"app": "x"})))
	b := ok(s.Create(ctx, object("b")))
	then, err := s.Revision(ctx)
	if err != nil {
		t.Fatal(err)
	}
	out := ok(s.Update(ctx, changed(in, 2, nil)))
	gone := ok(s.Delete(ctx, b.Key(), store.Preconditions{}))
	for n := range 20 {
		out = ok(s.Update(ctx, changed(out, n+3, nil)))
	}
	events, err := tell(t, s, 0, store.WatchOptions{}, 25)
	if err != nil || events[0].Object.Name != "a" || events[4].Type != store.Deleted || events[4].Object.ResourceVersion != gone.ResourceVersion ||
		events[24].Object.ResourceVersion != out.ResourceVersion {
		t.Fatalf("told %v, %v", events, err)
	}
	events, err = tell(t, s, 0, store.WatchOptions{Labels: labels.SelectorFromSet(labels.Set{"app": "x"})}, 2)
	if err != nil || events[0].Type != store.Added || events[1].Type != store.Deleted || string(events[1].Object.Spec) != `{"n":1}` {
		t.Fatalf("told %v, %v", events, err)
	}
	l, err := s.List(ctx, kind, store.ListOptions{At: then})
	if err != nil || len(l.Items) != 2 || l.Items[0].ResourceVersion != in.ResourceVersion || l.Items[1].ResourceVersion != b.ResourceVersion {
		t.Fatalf("listed %v at %d, %v", l.Items, then, err)
	}
	// A server that starts now has none of it in memory.
	second := open(t, s.DSN())
	if events, err := tell(t, second, then, store.WatchOptions{}, 22); err != nil || events[1].Object.Name != "b" {
		t.Fatalf("told %v, %v", events, err)
	}
}

// What was dropped is said to have expired, and what was kept is whole: the
// state before a change is there even if its own change was dropped.
func TestOldHistoryIsDroppedAndExpires(t *testing.T) {
	s := openWith(t, postgres.Config{DSN: pgtest.DSN(t)}.Short(20, 40, 10, 4))
	ctx, ok := t.Context(), must(t)
	old := ok(s.Create(ctx, changed(object("old"), 0, map[string]string{"app": "x"})))
	a := ok(s.Create(ctx, object("a")))
	for n := range 150 {
		a = ok(s.Update(ctx, changed(a, n+1, nil)))
	}
	left := ok(s.Update(ctx, changed(old, 1, nil))) // long after its change before
	for n := range 10 {
		a = ok(s.Update(ctx, changed(a, n+1000, nil)))
	}
	if _, err := tell(t, s, 1, store.WatchOptions{}, 1); !errors.Is(err, api.ErrExpired) {
		t.Fatalf("a watch from 1: %v", err)
	}
	if _, err := s.List(ctx, kind, store.ListOptions{At: 2}); !errors.Is(err, api.ErrExpired) {
		t.Fatalf("a list at 2: %v", err)
	}
	opts := store.WatchOptions{Labels: labels.SelectorFromSet(labels.Set{"app": "x"})}
	events, err := tell(t, s, 150, opts, 1)
	if err != nil || events[0].Type != store.Deleted || events[0].Object.ResourceVersion != left.ResourceVersion {
		t.Fatalf("told %v, %v", events, err)
	}
	l, err := s.List(ctx, kind, store.ListOptions{At: 151})
	if err != nil || len(l.Items) != 2 || l.Items[1].ResourceVersion != old.ResourceVersion {
		t.Fatalf("listed %v, %v", l.Items, err)
	}
	if n := count(t, s.DSN(), `SELECT count(*) FROM pg_inherits WHERE inhparent = 'changes'::regclass`); n > 6 {
		t.Fatalf("%d partitions are left", n)
	}
}

// The versions of an object stay as long as it lives and for a while after, however old they are.
func TestVersionsAreKeptForAWhileAfterTheObject(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := open(t, dsn)
	ctx, ok := t.Context(), must(t)
	a, b := ok(s.Create(ctx, object("a"))), ok(s.Create(ctx, object("b")))
	ok(s.Update(ctx, changed(a, 1, nil)))
	pgtest.Exec(t, dsn, `UPDATE versions SET at = at - interval '1 year'`)
	ok(s.Delete(ctx, b.Key(), store.Preconditions{}))
	versions := func(o *api.Object, want int) {
		t.Helper()
		if err := s.Prune(ctx); err != nil {
			t.Fatal(err)
		}
		h, err := s.History(ctx, o.Key())
		if len(h) != want || (want == 0) != errors.Is(err, api.ErrNotFound) {
			t.Fatalf("%d versions of %s, %v", len(h), o.Name, err)
		}
	}
	versions(b, 1)
	pgtest.Exec(t, dsn, `UPDATE versions SET gone_at = gone_at - interval '91 days'`)
	versions(b, 0)
	versions(a, 2)
}
