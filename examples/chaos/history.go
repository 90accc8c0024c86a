package chaos

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// History is what has happened to all objects: the state at its start, and every change since.
type History struct {
	start   int64
	first   map[string]Object
	changes []change
}

// change is one step of an object; old is nil where there was none before.
type change struct {
	revision int64
	object   Object // the last state, when deleted
	old      *Object
	deleted  bool
}

// Begin is a history that has nothing but the present state of a quiet cluster.
func Begin(ctx context.Context, node *Node) (*History, error) {
	l, err := list(ctx, http.DefaultClient, func() *Node { return node }, Selection{}, 0)
	if err != nil {
		return nil, fmt.Errorf("list: %w", err)
	}
	h := &History{start: l.revision, first: map[string]Object{}}
	for _, o := range l.objects {
		h.first[o.Metadata.Name] = o
	}
	return h, nil
}

// Read reads all changes up to a revision, which an object has, with one watch.
func (h *History) Read(ctx context.Context, node *Node, to int64) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	path := fmt.Sprintf("%s?watch=true&resourceVersion=%d", collection, h.start)
	resp, err := send(ctx, http.DefaultClient, node, http.MethodGet, path, nil, nil)
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	defer resp.Body.Close()
	state := map[string]*Object{}
	for name, o := range h.first {
		state[name] = &o
	}
	for s, at := newStream(resp.Body, false), h.start; at < to; {
		e, err := s.next()
		if err != nil {
			return fmt.Errorf("watch from %d, at %d of %d: %w", h.start, at, to, err)
		}
		o := e.Object.Object
		if at, err = revision(o.Metadata.ResourceVersion); err != nil {
			return fmt.Errorf("watch: %s: %w", e.Type, err)
		}
		c := change{revision: at, object: o, old: state[o.Metadata.Name], deleted: e.Type == "DELETED"}
		state[o.Metadata.Name] = &o
		if c.deleted {
			delete(state, o.Metadata.Name)
		}
		h.changes = append(h.changes, c)
	}
	return nil
}

// Revisions are those of all changes.
func (h *History) Revisions() (all []int64) {
	for _, c := range h.changes {
		all = append(all, c.revision)
	}
	return all
}

// at is the state of a selection at a revision.
func (h *History) at(s Selection, to int64) map[string]Object {
	state := map[string]Object{}
	for name, o := range h.first {
		if s.takes(&o) {
			state[name] = o
		}
	}
	for _, c := range h.changes {
		if c.revision > to {
			break
		}
		if c.deleted || !s.takes(&c.object) {
			delete(state, c.object.Metadata.Name)
		} else {
			state[c.object.Metadata.Name] = c.object
		}
	}
	return state
}

// events is what a watch of a selection has to tell of all changes.
func (h *History) events(s Selection) (all []told) {
	for _, c := range h.changes {
		was, is := s.takes(c.old), !c.deleted && s.takes(&c.object)
		o, kind := c.object, ""
		switch {
		case was && is:
			kind = "MODIFIED"
		case is:
			kind = "ADDED"
		case was && c.deleted:
			kind = "DELETED"
		case was: // it left the selection: the state before, at the revision of the change
			kind, o = "DELETED", *c.old
			o.Metadata.ResourceVersion = c.object.Metadata.ResourceVersion
		default:
			continue
		}
		all = append(all, told{c.revision, kind + " " + o.Metadata.Name, o.sum(), false})
	}
	return all
}

// Start is the revision that the history begins after.
func (h *History) Start() int64 { return h.start }
