package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/memory"
)

type nothing struct {
	api.CommonStatus `json:",inline"`
}

// asking reads a Secret that is never there, takes a second, and fails.
type asking struct{}

func (asking) Reconcile(ctx context.Context, obj *Object[struct{}, nothing]) (Result, error) {
	time.Sleep(time.Second)
	_, err := obj.Objects.Get(ctx, api.Key{Kind: "Secret", Namespace: obj.Namespace, Name: "s"})
	return Done, err
}

func (asking) Delete(context.Context, *Object[struct{}, nothing]) (Result, error) { return Done, nil }

func thing(name string) *api.Object {
	return &api.Object{
		TypeMeta:   metav1.TypeMeta{APIVersion: "example.org/v1", Kind: "Thing"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
	}
}

// failing is a store that takes no status, so that every pass fails.
type failing struct{ *memory.Store }

func (failing) UpdateStatus(context.Context, *api.Object, ...store.WriteOption) (*api.Object, error) {
	return nil, errors.New("no")
}

func TestNothingIsRememberedOfAnObjectThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := failing{&memory.Store{}}
		m := &Manager{Store: s, Kinds: []Kind{For("Thing.example.org", asking{})}}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.Run(ctx) }()
		for _, gone := range []string{"while it runs", "while it waits"} {
			obj, err := s.Create(ctx, thing("a"))
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if gone == "while it waits" {
				time.Sleep(1500 * time.Millisecond)
				synctest.Wait()
			}
			obj, _ = s.Get(ctx, obj.Key())
			obj = obj.Clone()
			obj.Finalizers = nil // by force
			if obj, err = s.Update(ctx, obj); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Delete(ctx, obj.Key(), store.Preconditions{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			c, r := m.engine.controllers["Thing.example.org"], m.engine.reads
			if len(c.places)+len(c.queue.items)+len(r.readers)+len(r.keys)+len(r.lists) != 0 {
				t.Errorf("gone %s: left are %v %v %v %v %v", gone, c.places, c.queue.items, r.readers, r.keys, r.lists)
			}
		}
		cancel()
		<-ended
	})
}

func TestReadsAreNotWokenByWhatTheySaw(t *testing.T) {
	by, secret := api.Key{Kind: "Thing", Name: "a"}, api.Key{Kind: "Secret", Namespace: "n", Name: "s"}
	cases := []struct {
		name string
		read func(r *reads)
		at   store.Revision
		want wake
	}{
		{"a key, seen", func(r *reads) { r.sawKey(by, secret, 7) }, 7, wake{}},
		{"a key, changed since", func(r *reads) { r.sawKey(by, secret, 7) }, 8, wake{other: true}},
		{"a key, read twice with a change between", func(r *reads) { r.sawKey(by, secret, 7); r.sawKey(by, secret, 9) }, 9, wake{other: true}},
		{"a missing key", func(*reads) {}, 1, wake{other: true}},
		{"a key it updated", func(r *reads) { r.sawKey(by, secret, 7); r.wroteKey(by, secret, 9, true) }, 9, wake{}},
		{"a key it updated, changed since", func(r *reads) { r.wroteKey(by, secret, 9, true) }, 10, wake{other: true}},
		{"a key it removed", func(r *reads) { r.wroteKey(by, secret, 9, false) }, 9, wake{own: true}},
	}
	for _, c := range cases {
		r := newReads()
		r.begin(by)
		r.readKey(by, secret)
		c.read(r)
		r.end(by)
		if got := r.changed(change{key: secret, revision: c.at})[by]; got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestListsAreNotWokenByWhatTheySaw(t *testing.T) {
	by, secret := api.Key{Kind: "Thing", Name: "a"}, api.Key{Kind: "Secret", Namespace: "n", Name: "s"}
	cases := []struct {
		name string
		in   scope
		at   store.Revision
		want wake
	}{
		{"seen", scope{"Secret", "n"}, 7, wake{}},
		{"changed since", scope{"Secret", "n"}, 8, wake{other: true}},
		{"changed since, all namespaces", scope{"Secret", ""}, 8, wake{other: true}},
		{"another namespace", scope{"Secret", "m"}, 8, wake{}},
		{"another kind", scope{"ConfigMap", "n"}, 8, wake{}},
	}
	for _, c := range cases {
		r := newReads()
		r.begin(by)
		r.readList(by, c.in, labels.Everything())(7)
		r.end(by)
		if got := r.changed(change{key: secret, revision: c.at, obj: &api.Object{}})[by]; got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestAFeedTellsOfAListOnlyWhatDiffers(t *testing.T) {
	told := ""
	f := &feed{marks: map[api.Key]*mark{}, synced: make(chan struct{}), tell: func(c change) {
		told += c.key.Name + c.revision.String() + " "
	}}
	at := func(name, revision string) *api.Object {
		obj := thing(name)
		obj.ResourceVersion = revision
		return obj
	}
	f.replace(store.List{Revision: 3, Items: []*api.Object{at("a", "1"), at("b", "2"), at("c", "3")}})
	f.replace(store.List{Revision: 6, Items: []*api.Object{at("a", "1"), at("b", "4"), at("d", "5")}})
	if want := "a1 b2 c3 b4 d5 c6 "; told != want {
		t.Errorf("told %q, want %q", told, want)
	}
}

func TestReadsForgetTheLastPassWhenTheNextBegins(t *testing.T) {
	by, r := api.Key{Kind: "Thing", Name: "a"}, newReads()
	for _, name := range []string{"x", "y", "z"} {
		r.begin(by)
		r.readKey(by, api.Key{Kind: "Secret", Name: name})
		r.readList(by, scope{"Secret", name}, nil)
		r.end(by)
	}
	if len(r.keys) != 1 || len(r.lists) != 1 {
		t.Errorf("%d keys, %d lists", len(r.keys), len(r.lists))
	}
}

// stubborn is a store that writes although the caller's context has ended.
type stubborn struct{ *memory.Store }

func (s stubborn) UpdateStatus(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	return s.Store.UpdateStatus(context.WithoutCancel(ctx), obj, opts...)
}

type blocked struct{ asking }

func (blocked) Reconcile(ctx context.Context, _ *Object[struct{}, nothing]) (Result, error) {
	<-ctx.Done()
	return Result{}, errors.Join(errors.New("interrupted"), ctx.Err())
}

func TestAnInterruptionByTheServersEndIsNotTheObjectsFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stubborn{&memory.Store{}}
		m := &Manager{Store: s, Kinds: []Kind{For("Thing.example.org", blocked{})}, Grace: time.Second}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.Run(ctx) }()
		obj, err := s.Create(ctx, thing("a"))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		cancel()
		<-ended
		if obj, err = s.Get(t.Context(), obj.Key()); err != nil || len(obj.Status) != 0 {
			t.Errorf("status %s, %v", obj.Status, err)
		}
	})
}

func TestAFloodOfNoticesDoesNotGrowWhatIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(&memory.Store{}, slog.New(slog.DiscardHandler), newMetrics())
		for i := range 300_000 {
			about := thing(fmt.Sprint("a", i%50_000))
			about.UID = types.UID(about.Name)
			r.record("", about, Notice{Type: Normal, Reason: fmt.Sprint("R", i%7), Message: fmt.Sprint("m", i)})
			if i%1000 == 0 {
				time.Sleep(time.Minute)
			}
		}
		if n := len(r.entries); n > eventsMost {
			t.Errorf("%d notices wait", n)
		}
		if n := r.flood.objects.Len(); n > toldObjects {
			t.Errorf("%d objects are remembered", n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { r.run(ctx); close(ended) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		cancel()
		<-ended
		r.flush(t.Context(), time.Now())
		if n := len(r.entries); n > 0 {
			t.Errorf("%d notices are left at rest", n)
		}
	})
}
