package storetest

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

var listRules = []rule{
	{"list orders by namespace and name and tells its revision", func(t *testing.T, s store.Store) {
		create(t, s, with(object("b"), func(o *api.Object) { o.Namespace = "z" }))
		create(t, s, object("b"))
		create(t, s, object("a"))
		last := create(t, s, with(object("a"), func(o *api.Object) { o.Kind = "DockerHost" }))
		l := list(t, s, store.ListOptions{})
		if names(l) != "default/a default/b z/b " || l.Revision != revision(t, last) || l.Next != nil {
			t.Fatalf("listed %s at %d", names(l), l.Revision)
		}
		if l := list(t, s, store.ListOptions{Namespace: "z"}); names(l) != "z/b " {
			t.Fatalf("listed %s", names(l))
		}
		if l := list(t, s, store.ListOptions{Any: true}); names(l) != "default/a default/b z/b " {
			t.Fatalf("listed %s", names(l))
		}
	}},
	{"list selects by labels and fields", func(t *testing.T, s store.Store) {
		create(t, s, with(object("a"), label("app", "x")))
		create(t, s, object("b"))
		byLabel := store.ListOptions{Labels: labels.SelectorFromSet(labels.Set{"app": "x"})}
		byName := store.ListOptions{Fields: store.Fields{
			Selector: fields.OneTermEqualSelector("metadata.name", "b"),
			Values:   func(o *api.Object) fields.Set { return fields.Set{"metadata.name": o.Name} },
		}}
		if a, b := names(list(t, s, byLabel)), names(list(t, s, byName)); a != "default/a " || b != "default/b " {
			t.Fatalf("listed %s and %s", a, b)
		}
	}},
	{"list reads all its pages at one revision", func(t *testing.T, s store.Store) {
		var made []*api.Object
		for i := range 5 {
			made = append(made, create(t, s, object(fmt.Sprint("p", i))))
		}
		first := list(t, s, store.ListOptions{Limit: 2})
		if names(first) != "default/p0 default/p1 " || first.Next == nil || first.Remaining != 3 {
			t.Fatalf("first page %s, next %v, remaining %d", names(first), first.Next, first.Remaining)
		}
		remove(t, s, made[2])
		changed := update(t, s, with(made[3], spec(2)))
		create(t, s, object("p21"))
		second := list(t, s, store.ListOptions{Limit: 2, Continue: *first.Next})
		if names(second) != "default/p2 default/p3 " || second.Revision != first.Revision || second.Remaining != 1 {
			t.Fatalf("second page %s at %d, remaining %d", names(second), second.Revision, second.Remaining)
		}
		same(t, second.Items[1], made[3])
		third := list(t, s, store.ListOptions{Limit: 2, Continue: *second.Next})
		if names(third) != "default/p4 " || third.Next != nil {
			t.Fatalf("third page %s, next %v", names(third), third.Next)
		}
		same(t, get(t, s, changed.Key()), changed)
	}},
	{"list counts no remaining when a selector makes it a guess", func(t *testing.T, s store.Store) {
		for i := range 3 {
			create(t, s, with(object(fmt.Sprint("p", i)), label("app", "x")))
		}
		opts := store.ListOptions{Limit: 2, Labels: labels.SelectorFromSet(labels.Set{"app": "x"})}
		if l := list(t, s, opts); l.Next == nil || l.Remaining != -1 {
			t.Fatalf("next %v, remaining %d", l.Next, l.Remaining)
		}
	}},
	{"list at a revision shows exactly what was then", func(t *testing.T, s store.Store) {
		a := create(t, s, object("a"))
		b := create(t, s, object("b"))
		then := list(t, s, store.ListOptions{}).Revision
		update(t, s, with(a, spec(2)))
		remove(t, s, b)
		create(t, s, object("c"))
		l := list(t, s, store.ListOptions{At: then})
		if names(l) != "default/a default/b " || l.Revision != then {
			t.Fatalf("listed %s at %d", names(l), l.Revision)
		}
		same(t, l.Items[0], a)
		same(t, l.Items[1], b)
	}},
	{"list at least at a revision waits for it and says when it does not come", func(t *testing.T, s store.Store) {
		a := create(t, s, object("a"))
		if l := list(t, s, store.ListOptions{AtLeast: revision(t, a)}); names(l) != "default/a " {
			t.Fatalf("listed %s", names(l))
		}
		_, err := s.List(t.Context(), kind, store.ListOptions{AtLeast: revision(t, a) + 1000})
		wantError(t, err, api.ErrAhead)
		_, err = s.List(t.Context(), kind, store.ListOptions{At: revision(t, a) + 1000})
		wantError(t, err, api.ErrAhead)
	}},
}

var watchRules = []rule{
	{"watch tells every change after its revision, in order and once", func(t *testing.T, s store.Store) {
		a := create(t, s, object("a"))
		b := update(t, s, with(a, spec(2)))
		w := watch(t, s, revision(t, a), store.WatchOptions{})
		create(t, s, with(object("x"), func(o *api.Object) { o.Kind = "DockerHost" }))
		c := update(t, s, with(b, spec(3)))
		d := create(t, s, object("d"))
		e := remove(t, s, c)
		w.expect(store.Modified, b)
		same(t, w.expect(store.Modified, c).Object, c)
		w.expect(store.Added, d)
		same(t, w.expect(store.Deleted, e).Object, e)
	}},
	{"watch from 0 begins with the first change", func(t *testing.T, s store.Store) {
		a := create(t, s, object("a"))
		watch(t, s, 0, store.WatchOptions{}).expect(store.Added, a)
	}},
	{"watch keeps to its namespace", func(t *testing.T, s store.Store) {
		w := watch(t, s, 0, store.WatchOptions{Namespace: "z"})
		create(t, s, object("a"))
		w.expect(store.Added, create(t, s, with(object("b"), func(o *api.Object) { o.Namespace = "z" })))
	}},
	{"an object that begins to match is told as added, one that stops as deleted with its old state", func(t *testing.T, s store.Store) {
		w := watch(t, s, 0, store.WatchOptions{Labels: labels.SelectorFromSet(labels.Set{"app": "x"})})
		a := create(t, s, object("a"))
		in := update(t, s, with(a, label("app", "x")))
		still := update(t, s, with(in, spec(2)))
		out := update(t, s, with(still, func(o *api.Object) { o.Labels = nil; spec(3)(o) }))
		update(t, s, with(out, spec(4)))
		w.expect(store.Added, in)
		w.expect(store.Modified, still)
		left := w.expect(store.Deleted, out).Object
		if !api.SameJSON(left.Spec, still.Spec) || left.Labels["app"] != "x" {
			t.Fatalf("told %s with labels %v", left.Spec, left.Labels)
		}
		w.expect(store.Added, create(t, s, with(object("b"), label("app", "x"))))
	}},
	{"an object that is deleted while it matches is told as deleted", func(t *testing.T, s store.Store) {
		a := create(t, s, with(object("a"), label("app", "x")))
		w := watch(t, s, revision(t, a), store.WatchOptions{Labels: labels.SelectorFromSet(labels.Set{"app": "x"})})
		w.expect(store.Deleted, remove(t, s, a))
	}},
	{"a quiet watch gets bookmarks that never overtake a change", func(t *testing.T, s store.Store) {
		w := watch(t, s, 0, store.WatchOptions{Progress: time.Millisecond})
		stop := make(chan struct{})
		written := make(chan error, 1)
		go func() {
			defer close(stop)
			for i := range 50 {
				o := object(fmt.Sprint("a", i))
				if i%2 == 1 {
					o.Kind = "DockerHost"
				}
				if _, err := s.Create(t.Context(), o); err != nil {
					written <- err
					return
				}
			}
		}()
		told, added, bookmarks := store.Revision(0), 0, 0
		for added < 25 || bookmarks == 0 {
			e := w.next()
			if e.Revision < told || (e.Type != store.Bookmark && e.Revision == told) {
				t.Fatalf("%s at %d after %d", e.Type, e.Revision, told)
			}
			told = e.Revision
			if e.Type == store.Bookmark {
				bookmarks++
			} else {
				added++
			}
			select {
			case err := <-written:
				t.Fatal(err)
			default:
			}
		}
		<-stop
	}},
	{"a watch that does not read goes on where it was, or is told that it is too late", func(t *testing.T, s store.Store) {
		a := create(t, s, object("a"))
		w := watch(t, s, revision(t, a), store.WatchOptions{})
		for i := range 300 {
			a = update(t, s, with(a, spec(i+2)))
		}
		last := store.Revision(0)
		for range 300 {
			e := w.next()
			if e.Revision <= last {
				t.Fatalf("revision %d after %d", e.Revision, last)
			}
			last = e.Revision
		}
		if last != revision(t, a) {
			t.Fatalf("the last of 300 changes is %d, not %s", last, a.ResourceVersion)
		}
	}},
}
