package reconcile

import (
	"context"

	"github.com/powernode/powernode/api"
)

// Kind is a controller made ready for the Manager; For makes one.
type Kind struct {
	Name    string
	options options
}

type options struct {
	sources   []Source
	serialize func(*api.Object) string
}

// Option adds to a Kind.
type Option func(*options)

// Source watches a part of the world that changes by itself and hints the keys
// of the objects concerned, until ctx ends. A hint only asks for a pass: too
// many cost nothing, a lost one is made up for by the kind's own resync.
type Source func(ctx context.Context, hint func(api.Key)) error

// Hints adds a source of hints; the Manager runs it while it runs the kind.
func Hints(s Source) Option { return func(o *options) { o.sources = append(o.sources, s) } }

// Serialize puts objects into groups of which the engine works on one member at
// a time: for kinds whose objects compete (runs of one pipeline). By default
// every object is a group of its own.
func Serialize(group func(*api.Object) string) Option {
	return func(o *options) { o.serialize = group }
}

// For makes a Kind of a typed controller; kind is a qualified name (api.Key).
func For[S, O any](kind string, r Reconciler[S, O], opts ...Option) Kind {
	k := Kind{Name: kind}
	for _, opt := range opts {
		opt(&k.options)
	}
	return k
}
