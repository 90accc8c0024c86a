package garbage

import (
	"encoding/json"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/powernode/powernode/api"
)

// Kind is a kind of objects that may own others or be owned.
type Kind struct {
	Name       string // as api.KindOf has it
	Stored     string // the kind it is kept as, where that is another
	Namespaced bool
}

// The kinds that the collector must know by name.
const (
	definitions = "CustomResourceDefinition.apiextensions.k8s.io"
	// events come and go by themselves, in numbers; they are owners and dependents of nobody.
	events = "Event"
)

func (k Kind) stored() string {
	if k.Stored == "" {
		return k.Name
	}
	return k.Stored
}

// kinds are those that are served, or were since the start, with the feeds that follow them.
type kinds struct {
	mu     sync.Mutex
	byName map[string]Kind
	feeds  map[string]*feed // by the kind in the store
}

func newKinds() *kinds { return &kinds{byName: map[string]Kind{}, feeds: map[string]*feed{}} }

func (k *kinds) find(name string) (Kind, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	kind, ok := k.byName[name]
	return kind, ok
}

// feedOf is the feed of a kind in the store; nil when it is not followed.
func (k *kinds) feedOf(stored string) *feed {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.feeds[stored]
}

// add makes a kind known, and returns a feed for it when it has none.
func (c *collection) add(kind Kind) *feed {
	k := c.kinds
	k.mu.Lock()
	defer k.mu.Unlock()
	k.byName[kind.Name] = kind
	if kind.stored() == events || k.feeds[kind.stored()] != nil {
		return nil
	}
	f := &feed{c: c, kind: kind.stored(), known: map[types.UID]*api.Object{}, synced: make(chan struct{}), done: make(chan struct{})}
	k.feeds[kind.stored()] = f
	return f
}

// drop stops following a kind that is no longer defined. References to its objects are
// still judged, by what the store has: they are gone with their kind.
func (c *collection) drop(name string) {
	k := c.kinds
	k.mu.Lock()
	f := k.feeds[name]
	delete(k.feeds, name)
	k.mu.Unlock()
	if f != nil {
		f.stop()
		<-f.done
	}
}

// builtin reports whether the program serves the kind by itself.
func (g *Collector) builtin(name string) bool {
	for _, k := range g.Kinds {
		if k.Name == name {
			return true
		}
	}
	return false
}

// defined is the kind that a CustomResourceDefinition defines.
func defined(crd *api.Object) (Kind, bool) {
	var spec struct {
		Group string
		Scope string
		Names struct{ Kind string }
	}
	if json.Unmarshal(crd.Spec, &spec) != nil || spec.Group == "" || spec.Names.Kind == "" {
		return Kind{}, false
	}
	return Kind{Name: spec.Names.Kind + "." + spec.Group, Namespaced: spec.Scope == "Namespaced"}, true
}
