package store

import (
	"context"
	"fmt"
	"sort"
	"sync"

	"github.com/powernode/powernode/api"
)

// Hub holds the present state of a store and its recent changes in memory: it
// answers reads and feeds watchers. The zero value is an empty store at
// revision 0. One writer at a time applies changes; anybody may read.
//
// Watchers have no queues of their own: each reads the recent changes of its
// kind at its own pace. One that falls behind them all goes on with Older, or
// is told that its place has expired; nothing is ever skipped.
type Hub struct {
	// Keep is how many changes are remembered for each kind, 4096 when 0;
	// KeepBytes bounds them by their size, 32 MiB when 0.
	Keep, KeepBytes int
	// Older, when set, reads changes of a kind after from, up to and with to, that the
	// hub has forgotten: at most a page of them, and the revision it is complete to.
	Older func(ctx context.Context, kind string, from, to Revision) ([]Change, Revision, error)

	mu       sync.RWMutex
	moved    Bell
	position Revision // every change up to here is applied
	floor    Revision // no change up to here is remembered, of any kind
	kinds    map[string]*shelf
	watchers int
}

// shelf is what the hub has of one kind.
type shelf struct {
	objects []*api.Object // by namespace and name
	recent  []Change      // by revision
	bytes   int           // roughly what recent holds
	floor   Revision      // changes up to here are not in recent
	bell    Bell
}

// Load replaces all that the hub holds by the state at a revision. Watchers that
// have not come that far go on with Older, or expire.
func (h *Hub) Load(objects []*api.Object, at Revision) {
	h.mu.Lock()
	for _, s := range h.kinds {
		s.objects, s.recent, s.bytes, s.floor = nil, nil, 0, at
	}
	h.floor, h.position = at, at
	for _, o := range objects {
		s := h.shelf(o.Key().Kind)
		s.objects = append(s.objects, o)
	}
	for _, s := range h.kinds {
		sort.Slice(s.objects, func(i, j int) bool { return before(s.objects[i], s.objects[j].Namespace, s.objects[j].Name) })
		defer s.bell.Ring()
	}
	h.mu.Unlock()
	h.moved.Ring()
}

// Apply takes in all changes that were committed after revision from, up to and with to, in
// the order of their revisions; those up to the hub's position are in already, and
// ignored. It does nothing and returns false when the hub has not come to from.
// The Old state of a change may be left out: it is what the hub has.
func (h *Hub) Apply(from Revision, changes []Change, to Revision) bool {
	h.mu.Lock()
	if h.position < from {
		h.mu.Unlock()
		return false
	}
	touched := map[*shelf]bool{}
	count, bytes := h.limits()
	for _, c := range changes {
		if c.Revision <= h.position {
			continue
		}
		s := h.shelf(c.Key().Kind)
		if c.Old == nil && c.Type != Added {
			c.Old = s.get(c.New.Namespace, c.New.Name)
		}
		s.put(c)
		s.remember(c, count, bytes)
		h.position = c.Revision
		touched[s] = true
	}
	h.position = max(h.position, to)
	h.mu.Unlock()
	for s := range touched {
		s.bell.Ring()
	}
	h.moved.Ring()
	return true
}

// Position is the revision that all reads of the hub reflect.
func (h *Hub) Position() Revision {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.position
}

// Watchers is how many watches are open.
func (h *Hub) Watchers() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.watchers
}

// Await returns when the hub has come to revision r, or with ctx's error.
func (h *Hub) Await(ctx context.Context, r Revision) error {
	for {
		moved := h.moved.Next()
		if h.Position() >= r {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Get reads one object; nil when there is none.
func (h *Hub) Get(key api.Key) *api.Object {
	h.mu.RLock()
	defer h.mu.RUnlock()
	s := h.kinds[key.Kind]
	if s == nil {
		return nil
	}
	return s.get(key.Namespace, key.Name)
}

// shelf is that of a kind, made when it is new; the caller holds mu for writing.
func (h *Hub) shelf(kind string) *shelf {
	s := h.kinds[kind]
	if s == nil {
		if h.kinds == nil {
			h.kinds = map[string]*shelf{}
		}
		s = &shelf{floor: h.floor}
		h.kinds[kind] = s
	}
	return s
}

func (h *Hub) limits() (count, bytes int) {
	count, bytes = h.Keep, h.KeepBytes
	if count == 0 {
		count = 4096
	}
	if bytes == 0 {
		bytes = 32 << 20
	}
	return count, bytes
}

// find is the place of a name among the objects, and whether it is there.
func (s *shelf) find(namespace, name string) (int, bool) {
	i := sort.Search(len(s.objects), func(i int) bool { return !before(s.objects[i], namespace, name) })
	return i, i < len(s.objects) && s.objects[i].Namespace == namespace && s.objects[i].Name == name
}

func (s *shelf) get(namespace, name string) *api.Object {
	if i, found := s.find(namespace, name); found {
		return s.objects[i]
	}
	return nil
}

func before(o *api.Object, namespace, name string) bool {
	if o.Namespace != namespace {
		return o.Namespace < namespace
	}
	return o.Name < name
}

// put brings the objects to the state after c.
func (s *shelf) put(c Change) {
	i, found := s.find(c.New.Namespace, c.New.Name)
	switch {
	case c.Type == Deleted && found:
		copy(s.objects[i:], s.objects[i+1:])
		s.objects[len(s.objects)-1] = nil
		s.objects = s.objects[:len(s.objects)-1]
	case c.Type == Deleted:
	case found:
		s.objects[i] = c.New
	default:
		s.objects = append(s.objects, nil)
		copy(s.objects[i+1:], s.objects[i:])
		s.objects[i] = c.New
	}
}

// remember keeps c among the recent changes, and forgets a quarter of them when they are too many.
func (s *shelf) remember(c Change, count, bytes int) {
	s.recent = append(s.recent, c)
	s.bytes += size(c.New)
	if len(s.recent) <= count && s.bytes <= bytes {
		return
	}
	n := max(1, len(s.recent)/4)
	s.floor = s.recent[n-1].Revision
	for _, old := range s.recent[:n] {
		s.bytes -= size(old.New)
	}
	s.recent = append([]Change(nil), s.recent[n:]...)
}

// after is the part of the recent changes behind a revision, at most n.
// It is false when some of them are forgotten.
func (s *shelf) after(from Revision, n int) ([]Change, bool) {
	if from < s.floor {
		return nil, false
	}
	i := sort.Search(len(s.recent), func(i int) bool { return s.recent[i].Revision > from })
	return s.recent[i:min(len(s.recent), i+n)], true
}

// size is roughly what an object takes.
func size(o *api.Object) int {
	n := 512 + len(o.Spec) + len(o.Status)
	for _, raw := range o.Rest {
		n += len(raw)
	}
	return n
}

// expired says that the changes after a revision are gone.
func expired(kind string, from Revision) error {
	return fmt.Errorf("changes of %s after revision %d: %w", kind, from, api.ErrExpired)
}
