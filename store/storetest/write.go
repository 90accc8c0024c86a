package storetest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

var createRules = []rule{
	{"create fills in uid, creationTimestamp, generation and resourceVersion, and keeps the status", func(t *testing.T, s store.Store) {
		o := object("a")
		o.UID, o.Generation = "mine", 7
		o.Status = json.RawMessage(`{"phase":"new"}`)
		made := create(t, s, o)
		if made.UID == "" || made.UID == "mine" || made.Generation != 1 || made.ResourceVersion == "" {
			t.Fatalf("created %+v", made.ObjectMeta)
		}
		if at := made.CreationTimestamp.Time; at.IsZero() || at.Nanosecond() != 0 || time.Since(at) > time.Hour {
			t.Fatalf("created at %v", at)
		}
		if !api.SameJSON(made.Status, o.Status) {
			t.Fatalf("status %s", made.Status)
		}
		same(t, get(t, s, o.Key()), made)
		if o.ResourceVersion != "" || o.UID != "mine" {
			t.Fatal("the caller's object was changed")
		}
	}},
	{"create refuses a key that is taken", func(t *testing.T, s store.Store) {
		create(t, s, object("a"))
		_, err := s.Create(t.Context(), object("a"))
		wantError(t, err, api.ErrExists)
	}},
	{"create refuses what is no JSON and stores nothing of it", func(t *testing.T, s store.Store) {
		_, err := s.Create(t.Context(), with(object("a"), func(o *api.Object) { o.Spec = json.RawMessage(`{"n":`) }))
		wantError(t, err, api.ErrInvalid)
		_, err = s.Get(t.Context(), object("a").Key())
		wantError(t, err, api.ErrNotFound)
	}},
	{"a write that the store cannot keep fails alone", func(t *testing.T, s store.Store) {
		done := make(chan error)
		for _, name := range []string{"a", "b", "c", "d"} {
			go func() {
				_, err := s.Create(t.Context(), object(name))
				done <- err
			}()
		}
		_, _ = s.Create(t.Context(), object("nul\x00")) // PostgreSQL has no such text
		for range 4 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}},
	{"errors name the object", func(t *testing.T, s store.Store) {
		_, err := s.Get(t.Context(), object("nobody").Key())
		wantError(t, err, api.ErrNotFound)
		if !strings.Contains(err.Error(), "Pipeline/default/nobody") {
			t.Fatalf("message %q", err)
		}
	}},
	{"a dry run does everything but store", func(t *testing.T, s store.Store) {
		made, err := s.Create(t.Context(), object("a"), store.DryRun())
		if err != nil || made.UID == "" || made.Generation != 1 {
			t.Fatalf("dry create: %v, %v", made, err)
		}
		_, err = s.Get(t.Context(), object("a").Key())
		wantError(t, err, api.ErrNotFound)
		a := create(t, s, object("a"))
		_, err = s.Create(t.Context(), object("a"), store.DryRun())
		wantError(t, err, api.ErrExists)
		dry, err := s.Update(t.Context(), with(a, spec(2)), store.DryRun())
		if err != nil || dry.Generation != 2 {
			t.Fatalf("dry update: %v, %v", dry, err)
		}
		if _, err = s.Delete(t.Context(), a.Key(), store.Preconditions{}, store.DryRun()); err != nil {
			t.Fatal(err)
		}
		same(t, get(t, s, a.Key()), a)
	}},
}

var updateRules = []rule{
	{"update needs the resourceVersion that was read", func(t *testing.T, s store.Store) {
		a := create(t, s, object("a"))
		b := update(t, s, with(a, spec(2)))
		_, err := s.Update(t.Context(), with(a, spec(3)))
		wantError(t, err, api.ErrConflict)
		_, err = s.Update(t.Context(), with(b, func(o *api.Object) { o.ResourceVersion = "" }))
		wantError(t, err, api.ErrConflict)
		_, err = s.Update(t.Context(), with(b, func(o *api.Object) { o.UID = "another" }))
		wantError(t, err, api.ErrConflict)
		same(t, get(t, s, a.Key()), b)
	}},
	{"update of what is not there is not found", func(t *testing.T, s store.Store) {
		_, err := s.Update(t.Context(), with(object("a"), func(o *api.Object) { o.ResourceVersion = "1" }))
		wantError(t, err, api.ErrNotFound)
	}},
	{"update moves the generation when the wish changes and not when metadata do", func(t *testing.T, s store.Store) {
		a := create(t, s, object("a"))
		b := update(t, s, with(a, label("x", "y")))
		c := update(t, s, with(b, spec(2)))
		d := update(t, s, with(c, func(o *api.Object) { o.Rest = map[string]json.RawMessage{"data": json.RawMessage(`{}`)} }))
		if b.Generation != 1 || c.Generation != 2 || d.Generation != 3 {
			t.Fatalf("generations %d, %d, %d", b.Generation, c.Generation, d.Generation)
		}
	}},
	{"update leaves the status, uid and time stamps alone", func(t *testing.T, s store.Store) {
		o := object("a")
		o.Status = json.RawMessage(`{"phase":"old"}`)
		a := create(t, s, o)
		b := update(t, s, with(a, func(o *api.Object) {
			spec(2)(o)
			o.Status, o.UID, o.Generation = json.RawMessage(`{"phase":"forged"}`), "", 99
			o.CreationTimestamp = metav1.Time{Time: time.Unix(1, 0)}
			o.DeletionTimestamp = &metav1.Time{Time: time.Unix(2, 0)}
		}))
		if !api.SameJSON(b.Status, a.Status) || b.UID != a.UID || b.Generation != 2 || !b.CreationTimestamp.Equal(&a.CreationTimestamp) || b.DeletionTimestamp != nil {
			t.Fatalf("updated to %+v with status %s", b.ObjectMeta, b.Status)
		}
	}},
	{"a write that changes nothing takes no revision", func(t *testing.T, s store.Store) {
		a := create(t, s, with(object("a"), func(o *api.Object) { o.Status = json.RawMessage(`{"a":1,"b":2}`) }))
		b := update(t, s, with(a, func(o *api.Object) { o.Spec = json.RawMessage(` {"n":1} `) }))
		c, err := s.UpdateStatus(t.Context(), with(a, func(o *api.Object) { o.Status = json.RawMessage(`{"b":2, "a":1}`) }))
		if err != nil || b.ResourceVersion != a.ResourceVersion || c.ResourceVersion != a.ResourceVersion {
			t.Fatalf("revisions %s, %s, %s, %v", a.ResourceVersion, b.ResourceVersion, c.ResourceVersion, err)
		}
		r, err := s.Revision(t.Context())
		if err != nil || r != revision(t, a) {
			t.Fatalf("the store is at %d, %v", r, err)
		}
	}},
	{"a status write changes the status alone, under the same resourceVersion rule", func(t *testing.T, s store.Store) {
		a := create(t, s, object("a"))
		b, err := s.UpdateStatus(t.Context(), with(a, func(o *api.Object) {
			spec(9)(o)
			label("x", "y")(o)
			o.Status = json.RawMessage(`{"phase":"ok"}`)
		}))
		if err != nil || b.Generation != 1 || !api.SameJSON(b.Spec, a.Spec) || b.Labels != nil || string(b.Status) != `{"phase":"ok"}` {
			t.Fatalf("status write made %+v %s %s, %v", b, b.Spec, b.Status, err)
		}
		_, err = s.UpdateStatus(t.Context(), with(a, func(o *api.Object) { o.Status = json.RawMessage(`{}`) }))
		wantError(t, err, api.ErrConflict)
		same(t, get(t, s, a.Key()), b)
	}},
	{"a status write takes managedFields where it is told to, and keeps the live ones else", func(t *testing.T, s store.Store) {
		manager := func(name string) func(o *api.Object) {
			return func(o *api.Object) {
				o.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: name}}
				o.Status = json.RawMessage(`{"by":"` + name + `"}`)
			}
		}
		a := create(t, s, with(object("a"), manager("ann")))
		b, err := s.UpdateStatus(t.Context(), with(a, manager("bob")))
		if err != nil || b.ManagedFields[0].Manager != "ann" {
			t.Fatalf("status write made %+v, %v", b, err)
		}
		c, err := s.UpdateStatus(t.Context(), with(b, manager("eve")), store.WithManagedFields())
		if err != nil || c.ManagedFields[0].Manager != "eve" || c.Generation != 1 {
			t.Fatalf("status write made %+v, %v", c, err)
		}
		same(t, get(t, s, a.Key()), c)
	}},
	{"every write takes a greater revision, whatever its kind", func(t *testing.T, s store.Store) {
		a := create(t, s, object("a"))
		b := create(t, s, with(object("a"), func(o *api.Object) { o.APIVersion, o.Kind = "v1", "Secret" }))
		c := update(t, s, with(a, spec(2)))
		d := remove(t, s, b)
		last := store.Revision(0)
		for _, o := range []*api.Object{a, b, c, d} {
			if r := revision(t, o); r <= last {
				t.Fatalf("revision %d after %d", r, last)
			}
			last = revision(t, o)
		}
		if r, err := s.Revision(t.Context()); err != nil || r != last {
			t.Fatalf("the store is at %d, not %d: %v", r, last, err)
		}
	}},
}

var deleteRules = []rule{
	{"delete removes an object without finalizers and returns its last state", func(t *testing.T, s store.Store) {
		a := create(t, s, object("a"))
		last := remove(t, s, a)
		if revision(t, last) <= revision(t, a) || last.UID != a.UID {
			t.Fatalf("deleted %+v", last.ObjectMeta)
		}
		_, err := s.Get(t.Context(), a.Key())
		wantError(t, err, api.ErrNotFound)
		_, err = s.Delete(t.Context(), a.Key(), store.Preconditions{})
		wantError(t, err, api.ErrNotFound)
		if again := create(t, s, object("a")); again.UID == a.UID {
			t.Fatal("a new object has an old uid")
		}
	}},
	{"delete marks an object with finalizers, once", func(t *testing.T, s store.Store) {
		a := create(t, s, with(object("a"), func(o *api.Object) { o.Finalizers = []string{"x"} }))
		b := remove(t, s, a)
		if b.DeletionTimestamp == nil || b.DeletionTimestamp.Nanosecond() != 0 || b.Generation != 2 {
			t.Fatalf("marked %+v", b.ObjectMeta)
		}
		same(t, remove(t, s, a), b)
		same(t, get(t, s, a.Key()), b)
		c := update(t, s, with(b, func(o *api.Object) { o.DeletionTimestamp = nil; spec(2)(o) }))
		if !c.DeletionTimestamp.Equal(b.DeletionTimestamp) {
			t.Fatal("the mark was taken back")
		}
	}},
	{"the write that empties the finalizers of a marked object removes it", func(t *testing.T, s store.Store) {
		a := create(t, s, with(object("a"), func(o *api.Object) { o.Finalizers = []string{"x"} }))
		w := watch(t, s, revision(t, a), store.WatchOptions{})
		b := remove(t, s, a)
		c := update(t, s, with(b, func(o *api.Object) { o.Finalizers = nil }))
		_, err := s.Get(t.Context(), a.Key())
		wantError(t, err, api.ErrNotFound)
		w.expect(store.Modified, b)
		w.expect(store.Deleted, c)
	}},
	{"emptying the finalizers of an unmarked object keeps it", func(t *testing.T, s store.Store) {
		a := create(t, s, with(object("a"), func(o *api.Object) { o.Finalizers = []string{"x"} }))
		b := update(t, s, with(a, func(o *api.Object) { o.Finalizers = nil }))
		same(t, get(t, s, a.Key()), b)
	}},
	{"delete changes the finalizers in the write that marks or removes", func(t *testing.T, s store.Store) {
		to := func(list ...string) store.WriteOption {
			return store.Finalizers(func([]string) []string { return list })
		}
		a := create(t, s, object("a"))
		w := watch(t, s, revision(t, a), store.WatchOptions{})
		b := removeWith(t, s, a, to("x"))
		if b.DeletionTimestamp == nil || b.Generation != 2 || len(b.Finalizers) != 1 {
			t.Fatalf("marked %+v", b.ObjectMeta)
		}
		same(t, removeWith(t, s, a, to("x")), b)
		c := removeWith(t, s, a, to("y"))
		if c.Generation != 2 || c.Finalizers[0] != "y" || !c.DeletionTimestamp.Equal(b.DeletionTimestamp) {
			t.Fatalf("changed %+v", c.ObjectMeta)
		}
		d := removeWith(t, s, a, to())
		_, err := s.Get(t.Context(), a.Key())
		wantError(t, err, api.ErrNotFound)
		w.expect(store.Modified, b)
		w.expect(store.Modified, c)
		w.expect(store.Deleted, d)
	}},
	{"delete keeps to its preconditions", func(t *testing.T, s store.Store) {
		a := create(t, s, object("a"))
		b := update(t, s, with(a, spec(2)))
		_, err := s.Delete(t.Context(), a.Key(), store.Preconditions{UID: "another"})
		wantError(t, err, api.ErrConflict)
		_, err = s.Delete(t.Context(), a.Key(), store.Preconditions{ResourceVersion: a.ResourceVersion})
		wantError(t, err, api.ErrConflict)
		_, err = s.Delete(t.Context(), a.Key(), store.Preconditions{UID: string(b.UID), ResourceVersion: b.ResourceVersion})
		if err != nil {
			t.Fatal(err)
		}
	}},
}

var historyRules = []rule{
	{"history keeps every generation of the spec, with who wrote it", func(t *testing.T, s store.Store) {
		a, err := s.Create(t.Context(), object("a"), store.By("ann"))
		if err != nil {
			t.Fatal(err)
		}
		b := update(t, s, with(a, label("x", "y")))
		c, err := s.Update(t.Context(), with(b, spec(2)), store.By("bob"))
		if err != nil {
			t.Fatal(err)
		}
		remove(t, s, c)
		h, err := s.History(t.Context(), a.Key())
		if err != nil || len(h) != 2 {
			t.Fatalf("history %v, %v", h, err)
		}
		if h[0].Generation != 1 || h[0].By != "ann" || h[0].Revision != revision(t, a) || h[1].Generation != 2 || h[1].By != "bob" || h[1].At.IsZero() {
			t.Fatalf("history %+v", h)
		}
		same(t, h[0].Object, a)
		same(t, h[1].Object, c)
	}},
	{"history of a new object does not show the one before it of the same name", func(t *testing.T, s store.Store) {
		a := create(t, s, object("a"))
		remove(t, s, update(t, s, with(a, spec(2))))
		b := create(t, s, object("a"))
		h, err := s.History(t.Context(), a.Key())
		if err != nil || len(h) != 1 || h[0].Revision != revision(t, b) {
			t.Fatalf("history %+v, %v", h, err)
		}
	}},
	{"history of what never was is not found", func(t *testing.T, s store.Store) {
		for _, name := range []string{"a", "a\x00b", "\xff"} {
			_, err := s.History(t.Context(), object(name).Key())
			wantError(t, err, api.ErrNotFound)
		}
	}},
	{"a name of a user that no text can hold stops no write", func(t *testing.T, s store.Store) {
		a, err := s.Create(t.Context(), object("a"), store.By("ann\x00\xff"))
		if err != nil {
			t.Fatal(err)
		}
		if h, err := s.History(t.Context(), a.Key()); err != nil || h[0].By != "ann\ufffd\ufffd" {
			t.Fatalf("history %+v, %v", h, err)
		}
	}},
}
