package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"

	"github.com/powernode/powernode/api"
)

// Kind is a controller made ready for the Manager; For makes one.
type Kind struct {
	Name    string
	options options
	// run calls the controller once, Delete when obj is being deleted, else Reconcile.
	run func(ctx context.Context, obj *api.Object, objects Objects) outcome
}

// outcome is all that one call of a controller led to.
type outcome struct {
	result  Result
	err     error
	stack   []byte          // of a panic
	status  json.RawMessage // as the controller left it
	notices []Notice
}

type options struct {
	bare      bool
	sources   []Source
	serialize func(*api.Object) string
	shard     func(*api.Object) string
	released  func(api.Key)
}

// Option adds to a Kind.
type Option func(*options)

// Bare is for kinds that have no status (ClusterRole): the engine writes nothing to their
// objects, neither conditions nor a finalizer, so that the controller's Delete is never called. An error
// of a pass is told as an Event of the object. What the controller changes of its object it
// updates by Object.Objects.
func Bare() Option { return func(o *options) { o.bare = true } }

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

// Shard keeps objects together when several processes share the work: all with the same
// shard, of whatever kinds, are worked on by the same one. It is for objects that lie behind one
// connection (a host and what runs on it). By default objects that are in one group of Serialize share a
// shard. An object must not change its shard as long as it lives, and a group must lie within one.
func Shard(shard func(*api.Object) string) Option {
	return func(o *options) { o.shard = shard }
}

// Released has f called with each object that is gone, or that another process works on from now
// on: for what a controller keeps in memory between passes. It may be called more than once; the last
// call comes after the last pass.
func Released(f func(api.Key)) Option { return func(o *options) { o.released = f } }

// For makes a Kind of a typed controller; kind is a qualified name (api.Key).
// It panics when *O is not an api.Conditioned, which no input can bring about.
func For[S, O any](kind string, r Reconciler[S, O], opts ...Option) Kind {
	if _, ok := any(new(O)).(api.Conditioned); !ok {
		panic(fmt.Sprintf("reconcile.For %s: the status %T must embed api.CommonStatus", kind, *new(O)))
	}
	k := Kind{Name: kind, run: runner(r)}
	for _, opt := range opts {
		opt(&k.options)
	}
	return k
}

// runner puts the types of a controller behind a function that has none.
func runner[S, O any](r Reconciler[S, O]) func(context.Context, *api.Object, Objects) outcome {
	return func(ctx context.Context, obj *api.Object, objects Objects) outcome {
		typed, err := Decode[S, O](obj)
		if err != nil {
			return outcome{err: Permanent(Because("Undecodable", err)), status: obj.Status}
		}
		typed.Objects = objects
		out := call(ctx, r, typed)
		out.notices = typed.events
		out.status = obj.Status
		if out.stack != nil { // half a status is worse than the last whole one
			return out
		}
		status, err := json.Marshal(typed.Status)
		if err != nil {
			out.err = Permanent(Because("Unencodable", fmt.Errorf("status: %w", err)))
			return out
		}
		out.status = status
		return out
	}
}

// call is one call of the controller; a panic of it is an error of this object alone.
func call[S, O any](ctx context.Context, r Reconciler[S, O], obj *Object[S, O]) (out outcome) {
	defer func() {
		if v := recover(); v != nil {
			out.err = Because("Panic", errPanic)
			out.stack = fmt.Appendf(nil, "%v\n%s", v, debug.Stack())
		}
	}()
	if obj.Meta.DeletionTimestamp != nil {
		out.result, out.err = r.Delete(ctx, obj)
	} else {
		out.result, out.err = r.Reconcile(ctx, obj)
	}
	return out
}
