package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// fenced is what a rule of fences works on: a store, and ways to begin and end a membership.
type fenced struct {
	store.Store
	join, leave func(member string)
}

// Fences proves the rules of store.Fenced on stores that open makes, a fresh one for
// each, with functions that begin and end the membership of one.
func Fences(t *testing.T, open func(t *testing.T) (s store.Store, join, leave func(member string))) {
	for _, r := range fenceRules {
		t.Run(r.name, func(t *testing.T) {
			s, join, leave := open(t)
			r.test(t, fenced{s, join, leave})
		})
	}
}

var fenceRules = []struct {
	name string
	test func(t *testing.T, s fenced)
}{
	{"a write that is fenced by a member is done", func(t *testing.T, s fenced) {
		s.join("m1")
		a, err := s.Create(t.Context(), object("a"), store.Fenced("m1"))
		if err == nil {
			a, err = s.Update(t.Context(), with(a, spec(2)), store.Fenced("m1"))
		}
		if err != nil {
			t.Fatal(err)
		}
		same(t, get(t, s, a.Key()), a)
	}},
	{"a write that is fenced by no member writes nothing", func(t *testing.T, s fenced) {
		s.join("m1")
		a, b := create(t, s, object("a")), object("b")
		s.leave("m1")
		for what, write := range fencedWrites(t.Context(), s, a, b) {
			if err := write(store.Fenced("m1")); !errors.Is(err, store.ErrFenced) {
				t.Fatalf("%s by a former member: %v", what, err)
			}
			if err := write(store.Fenced("never was")); !errors.Is(err, store.ErrFenced) {
				t.Fatalf("%s by no member: %v", what, err)
			}
		}
		same(t, get(t, s, a.Key()), a)
		_, err := s.Get(t.Context(), b.Key())
		wantError(t, err, api.ErrNotFound)
		if l := list(t, s, store.ListOptions{}); len(l.Items) != 1 {
			t.Fatalf("listed %s", names(l))
		}
	}},
	{"the end of one membership fences off no other write", func(t *testing.T, s fenced) {
		s.join("m1")
		s.join("m2")
		s.leave("m1")
		a, err := s.Create(t.Context(), object("a"), store.Fenced("m2"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Update(t.Context(), with(a, spec(2)), store.Fenced("")); err != nil {
			t.Fatal(err)
		}
	}},
	{"a fenced write that would change nothing, or is dry, is not checked", func(t *testing.T, s fenced) {
		a := create(t, s, object("a"))
		same, err := s.Update(t.Context(), a, store.Fenced("none"))
		if err != nil || same.ResourceVersion != a.ResourceVersion {
			t.Fatalf("got %v, %v", same, err)
		}
		if _, err := s.Update(t.Context(), with(a, spec(2)), store.Fenced("none"), store.DryRun()); err != nil {
			t.Fatal(err)
		}
	}},
}

// fencedWrites are the ways to write: to a, which is there, and b, which is not.
func fencedWrites(ctx context.Context, s store.Store, a, b *api.Object) map[string]func(store.WriteOption) error {
	return map[string]func(store.WriteOption) error{
		"create": func(o store.WriteOption) error { _, err := s.Create(ctx, b, o); return err },
		"update": func(o store.WriteOption) error { _, err := s.Update(ctx, with(a, spec(2)), o); return err },
		"status": func(o store.WriteOption) error {
			_, err := s.UpdateStatus(ctx, with(a, func(o *api.Object) { o.Status = []byte(`{"x":1}`) }), o)
			return err
		},
		"delete": func(o store.WriteOption) error {
			_, err := s.Delete(ctx, a.Key(), store.Preconditions{}, o)
			return err
		},
	}
}
