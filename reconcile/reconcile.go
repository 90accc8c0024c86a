// Package reconcile is the engine: it calls a kind's controller until the world
// matches what the owner wished, and writes down in the object's status how far
// that has come.
//
// A controller is two idempotent functions, Reconcile and Delete, over a typed
// object. It never learns why it was called: a new spec, a hint that the world
// changed, a restart and a resync look the same. Queues, watches, retries, finalizers,
// conditions, events and metrics are the engine's. What a pass reads of other
// objects (through Object.Objects) is remembered, and a change of any of it,
// the arrival of a missing one included, brings the reader back: controllers
// declare no watches.
//
// Any number of processes share the work on one store. Keys are spread over slots (slots.go), each process
// owns its share of them (assign.go, membership.go), and works on nothing else; what a process
// that was taken for dead still writes is refused (fenced.go). Controllers do not notice.
//
// The engine refuses to know any kind, Docker, SQL and HTTP.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/powernode/powernode/api"
)

// Reconciler is the controller of one kind, with spec S and status O. *O must
// implement api.Conditioned (embed api.CommonStatus inline).
//
// Both functions may be called at any time, any number of times, and after a
// crash at any point; never twice at once for one object, whatever process. They change the world and
// obj.Status; the engine stores the status, once a pass, only if it differs. They do not log: they return.
type Reconciler[S, O any] interface {
	// Reconcile makes the world match obj.Spec.
	Reconcile(ctx context.Context, obj *Object[S, O]) (Result, error)
	// Delete cleans up what Reconcile made; returning Done releases the object.
	Delete(ctx context.Context, obj *Object[S, O]) (Result, error)
}

// Object is what a controller gets: its own copy of one object.
type Object[S, O any] struct {
	api.Key
	Meta   metav1.ObjectMeta // read only
	Spec   S                 // read only
	Status O
	// Objects is the rest of the store, as far as a controller may see and change it.
	Objects Objects

	events []Notice
}

// Notice is something worth telling the owner, kept as an Event of the object.
type Notice struct {
	Type    string // Normal or Warning
	Reason  string // CamelCase, for programs
	Message string // for people
	Source  string // who tells it; the controller of the object's kind when empty
}

// Eventf tells the object's owner what happened. It is recorded after the pass;
// the same notice again only counts up.
func (o *Object[S, O]) Eventf(eventType, reason, format string, args ...any) {
	o.events = append(o.events, Notice{Type: eventType, Reason: reason, Message: fmt.Sprintf(format, args...)})
}

// Objects is a controller's view of other objects. Reads are consistent, and
// remembered: what the last pass read, or tried to create, change or remove,
// wakes the object when it changes. A pass's own changes wake it too where it can't know
// their outcome (a removal, a list made before), so write only what differs. Writes go to the store as they
// are: schemas, defaults and admission are the API's, not the engine's.
type Objects interface {
	// Get reads one object; api.ErrNotFound when there is none (its arrival wakes the reader).
	Get(ctx context.Context, key api.Key) (*api.Object, error)
	// List reads the objects of a kind in a namespace ("" is all), ordered by name.
	List(ctx context.Context, kind, namespace string, selector labels.Selector) ([]*api.Object, error)
	// Create stores an object; api.ErrExists when it is there.
	Create(ctx context.Context, obj *api.Object) (*api.Object, error)
	// Update replaces all but the status, by compare-and-swap on the resourceVersion.
	Update(ctx context.Context, obj *api.Object) (*api.Object, error)
	// Delete marks or removes an object; nil when it is already gone.
	Delete(ctx context.Context, key api.Key) error
}

// Result is how a pass ended when it did not fail.
type Result struct {
	// Waiting says what the object waits for, in words for its owner; empty when
	// the world matches. Keep the words the same between passes.
	Waiting string
	// Reason is the CamelCase word for it in the Ready condition; a default when empty.
	Reason string
	// After asks for another pass after this long; 0 for none. It is not a
	// promise that there is none sooner.
	After time.Duration
}

// Done says that the world matches.
var Done Result

// Wait says that the object is on its way and what it waits for; the pass is
// repeated when something that it read changes, or a hint comes.
func Wait(format string, args ...any) (Result, error) {
	return Result{Waiting: fmt.Sprintf(format, args...)}, nil
}

// Permanent marks an error that only a new spec can help: the object is Stalled
// and not tried again until its generation moves, something that it read changes, or a hint comes.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

// IsPermanent reports whether err was marked by Permanent.
func IsPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p)
}

// Because gives err the CamelCase reason that the Ready condition shows.
func Because(reason string, err error) error {
	if err == nil {
		return nil
	}
	return &reasonError{err, reason}
}

type reasonError struct {
	error
	reason string
}

func (e *reasonError) Unwrap() error { return e.error }
