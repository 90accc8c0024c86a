package chaos

import (
	"context"
	"fmt"
	"net/http"
	"sync"
)

// What is done to one object is bounded, so that checking its history ends: above all what is
// never known to be over, as all that follows may come before or after it.
const (
	longestLife  = 60
	mostUnknowns = 5
)

// Objects are those that writers create, read, change and delete. One that has lived long
// enough is left alone, and another takes its place.
type Objects struct {
	mu     sync.Mutex
	places []place
}

type place struct{ generation, operations, unknown int }

// NewObjects has as many at a time as there are places.
func NewObjects(places int) *Objects { return &Objects{places: make([]place, places)} }

// take is the object of a place for one more operation.
func (s *Objects) take(n int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &s.places[n]
	if p.operations == longestLife || p.unknown >= mostUnknowns {
		*p = place{generation: p.generation + 1}
	}
	p.operations++
	return fmt.Sprintf("object-%d-%d", n, p.generation)
}

// doubt notes an operation of the place whose outcome is not known.
func (s *Objects) doubt(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.places[n].unknown++
}

// verbs are as frequent as they stand here.
var verbs = [...]verb{get, get, get, get, create, create, swap, swap, swap, patch, patch, remove, drop}

// Change does anything to any of the objects, until ctx ends.
func (w *Writer) Change(ctx context.Context, objects *Objects) {
	last := map[string]Object{} // what this writer has read last of each
	w.run(ctx, func(ctx context.Context) {
		n := w.Random.IntN(len(objects.places))
		name := objects.take(n)
		in := input{name: name, verb: verbs[w.Random.IntN(len(verbs))]}
		read, known := last[name]
		if (in.verb == swap || in.verb == drop) && !known {
			in.verb = get
		}
		called := w.Record.now()
		a := w.operate(ctx, &in, read)
		w.Record.operated(w.ID, in, called, a)
		switch {
		case a.verdict == Done && a.object.Data != nil:
			last[name] = a.object
		case a.verdict == Unknown && in.verb != get:
			objects.doubt(n)
		}
	})
}

// operate makes one attempt; read is the state that swap and drop start from.
func (w *Writer) operate(ctx context.Context, in *input, read Object) answer {
	path := collection + "/" + in.name
	switch in.verb {
	case get:
		a := w.call(ctx, http.MethodGet, path, nil)
		w.Record.answered(http.MethodGet, a)
		return a
	case remove, drop:
		return w.delete(ctx, in, path, read)
	}
	in.id = w.id()
	o := newObject(in.name, in.id, w.lane())
	switch in.verb {
	case create:
		return w.write(ctx, http.MethodPost, collection, o)
	case swap:
		in.expect = read.Data[idKey]
		o.Metadata.ResourceVersion = read.Metadata.ResourceVersion
		return w.write(ctx, http.MethodPut, path, o)
	}
	return w.write(ctx, http.MethodPatch, path, o)
}

func (w *Writer) delete(ctx context.Context, in *input, path string, read Object) answer {
	options := map[string]any{"apiVersion": "v1", "kind": "DeleteOptions"}
	if in.verb == drop {
		in.expect = read.Data[idKey]
		options["preconditions"] = map[string]any{"resourceVersion": read.Metadata.ResourceVersion}
	}
	a := w.call(ctx, http.MethodDelete, path, options)
	a.object = Object{} // a Status, or the last state
	w.Record.deleted(in.name, a)
	return a
}
