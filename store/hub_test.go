package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"pgregory.net/rapid"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

const kind = "Pipeline." + api.Group

func object(name, app string) *api.Object {
	o := &api.Object{Spec: json.RawMessage(`{}`)}
	o.APIVersion, o.Kind, o.Namespace, o.Name = api.APIVersion, "Pipeline", "default", name
	o.Labels = map[string]string{"app": app}
	return o
}

// story is a hub with all that ever happened to it, kept apart.
type story struct {
	hub    *store.Hub
	states []map[string]string // by revision: the revision and label of each object
}

// tell draws a story: objects come, change their label and go.
func tell(t *rapid.T, hub *store.Hub) story {
	s := story{hub: hub, states: []map[string]string{{}}}
	for r := store.Revision(1); int(r) <= rapid.IntRange(1, 60).Draw(t, "changes"); r++ {
		name, app := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "name"), rapid.SampledFrom([]string{"x", "y"}).Draw(t, "app")
		live := hub.Get(object(name, app).Key())
		c := store.Change{Type: store.Modified, Old: live, New: object(name, app)}
		switch {
		case live == nil:
			c.Type = store.Added
		case rapid.Bool().Draw(t, "delete"):
			c.Type = store.Deleted
		}
		c = c.At(r)
		if !hub.Apply(r-1, []store.Change{c}, r) {
			t.Fatal("the hub takes no change")
		}
		state := maps.Clone(s.states[r-1])
		if state[name] = c.New.ResourceVersion + app; c.Type == store.Deleted {
			delete(state, name)
		}
		s.states = append(s.states, state)
	}
	return s
}

func known(objects []*api.Object) map[string]string {
	m := map[string]string{}
	for _, o := range objects {
		m[o.Name] = o.ResourceVersion + o.Labels["app"]
	}
	return m
}

// The state at every revision that is remembered is what it was, and the others have expired.
func TestTheHubUndoesChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := tell(t, &store.Hub{Keep: rapid.IntRange(1, 80).Draw(t, "keep")})
		expired := true
		for r, want := range s.states {
			view, err := s.hub.ViewAt(kind, store.Revision(r))
			if errors.Is(err, api.ErrExpired) && expired {
				continue
			}
			expired = false
			if err != nil || !maps.Equal(known(view.Objects), want) {
				t.Fatalf("at %d: %v, %v; want %v", r, known(view.Objects), err, want)
			}
			if !slices.IsSortedFunc(view.Objects, func(a, b *api.Object) int { return compare(a.Name, b.Name) }) {
				t.Fatalf("at %d: out of order", r)
			}
		}
		if expired {
			t.Fatal("not even the present is there")
		}
	})
}

func compare(a, b string) int {
	if a < b {
		return -1
	}
	return 1
}

// Whoever takes the selected objects of some revision and applies what a watch
// tells from there has the selected objects of the present.
func TestAWatchCompletesAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := tell(t, &store.Hub{})
		from := rapid.IntRange(0, len(s.states)-2).Draw(t, "from") // something follows
		selector := labels.SelectorFromSet(labels.Set{"app": "x"})
		view, err := s.hub.ViewAt(kind, store.Revision(from))
		if err != nil {
			t.Fatal(err)
		}
		have := known(view.Select(store.ListOptions{Labels: selector}).Items)
		end := store.Revision(len(s.states) - 1)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		for e, err := range s.hub.Watch(ctx, kind, store.Revision(from), store.WatchOptions{Labels: selector, Progress: time.Nanosecond}) {
			if err != nil {
				t.Fatal(err)
			}
			if apply(t, have, e); e.Revision == end {
				break
			}
			if e.Revision > end {
				t.Fatalf("told of revision %d of %d", e.Revision, end)
			}
		}
		if want := known(s.hub.View(kind).Select(store.ListOptions{Labels: selector}).Items); !maps.Equal(have, want) {
			t.Fatalf("from %d: have %v, want %v", from, have, want)
		}
	})
}

// apply does to a list what an event says, and checks that the event fits it.
func apply(t *rapid.T, have map[string]string, e store.Event) {
	if e.Type == store.Bookmark {
		return
	}
	_, there := have[e.Object.Name]
	if there != (e.Type != store.Added) {
		t.Fatalf("%s of %s, there: %v", e.Type, e.Object.Name, there)
	}
	have[e.Object.Name] = e.Object.ResourceVersion + e.Object.Labels["app"]
	if e.Type == store.Deleted {
		delete(have, e.Object.Name)
	}
}

// A watcher that the hub has left behind is told so; the others are not concerned.
func TestAWatcherThatFallsBehindExpires(t *testing.T) {
	hub := &store.Hub{Keep: 4}
	slow := func(t *testing.T, from store.Revision) error {
		for e, err := range hub.Watch(t.Context(), kind, from, store.WatchOptions{}) {
			if err != nil {
				return err
			}
			for r := e.Revision + 1; r < 300; r++ { // more than it takes at a time
				c := store.Change{Type: store.Modified, New: object("a", fmt.Sprint(r))}.At(r)
				hub.Apply(r-1, []store.Change{c}, r)
			}
		}
		return nil
	}
	hub.Apply(0, []store.Change{store.Change{Type: store.Added, New: object("a", "")}.At(1)}, 1)
	if err := slow(t, 0); !errors.Is(err, api.ErrExpired) {
		t.Fatalf("the slow watcher ended with %v", err)
	}
	for e, err := range hub.Watch(t.Context(), kind, 298, store.WatchOptions{}) {
		if err != nil || e.Revision != 299 {
			t.Fatalf("told %v, %v", e, err)
		}
		break
	}
}

// Changes that do not join on to what the hub has are not taken: there would be a hole.
func TestTheHubTakesNoHole(t *testing.T) {
	hub := &store.Hub{}
	c := store.Change{Type: store.Added, New: object("a", "")}.At(5)
	if hub.Apply(4, []store.Change{c}, 5) || hub.Position() != 0 || hub.Get(c.Key()) != nil {
		t.Fatal("the hub took a hole")
	}
	if !hub.Apply(0, []store.Change{c}, 7) || hub.Position() != 7 {
		t.Fatal("the hub refused what joins on")
	}
	if !hub.Apply(4, []store.Change{c}, 5) || hub.Position() != 7 {
		t.Fatal("the hub went back")
	}
}

// Whoever gathers events knows when it has all that there is.
func TestAnEventSaysWhetherTheNextIsThere(t *testing.T) {
	hub := &store.Hub{}
	for r := store.Revision(1); r <= 9; r++ {
		app := "x"
		if r > 7 {
			app = "other" // which this watch does not select
		}
		hub.Apply(r-1, []store.Change{store.Change{Type: store.Added, New: object(fmt.Sprint("o", r), app)}.At(r)}, r)
	}
	var more []bool
	for e, err := range hub.Watch(t.Context(), kind, 0, store.WatchOptions{Labels: labels.SelectorFromSet(labels.Set{"app": "x"}), Progress: time.Nanosecond}) {
		if err != nil {
			t.Fatal(err)
		}
		if more = append(more, e.More); !e.More {
			break
		}
	}
	if want := []bool{true, true, true, true, true, true, false}; !slices.Equal(more, want) {
		t.Errorf("%v, not %v", more, want)
	}
}

// What is remembered is bounded by its size, too, whatever its number.
func TestTheHubForgetsWhatTakesTooMuch(t *testing.T) {
	const size, most = 10_000, 500_000
	hub := &store.Hub{KeepBytes: most}
	for r := store.Revision(1); r <= 200; r++ {
		o := object("a", "")
		o.Spec = json.RawMessage(`"` + strings.Repeat("x", size) + `"`)
		hub.Apply(r-1, []store.Change{store.Change{Type: store.Modified, New: o}.At(r)}, r)
	}
	remembered := 0
	for r := store.Revision(0); r < 200; r++ {
		if _, err := hub.ViewAt(kind, r); err == nil {
			remembered++
		}
	}
	if remembered > most/size || remembered < most/size/2 {
		t.Errorf("%d changes of %d bytes are remembered, where %d bytes may be", remembered, size, most)
	}
}
