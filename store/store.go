// Package store says what it means to keep objects: versioned documents in one
// order of revisions, that anyone can read, change by compare-and-swap and
// watch from a revision on without a gap.
//
// The contract is this file and the five beside it (Tasks, Logs, Blobs, Audit, Members); its
// rules are named one by one as tests in storetest, which run against
// store/memory and store/postgres alike. The rules that do not depend on where
// bytes lie (what a create fills in, when a generation moves, when an object with
// finalizers goes away) are pure functions in rules.go; the hub in hub.go fans
// changes out to watchers. The package refuses to know schemas, HTTP, kinds
// and controllers.
package store

import (
	"context"
	"iter"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/audit"
)

// Revision is a place in the one order of all writes of a store, whatever their
// kind. It starts at 1 and only grows; a number may stay unused. As a decimal
// string it is an object's resourceVersion.
type Revision int64

// String is the resourceVersion that stands for the revision.
func (r Revision) String() string { return strconv.FormatInt(int64(r), 10) }

// Store keeps objects. All methods are safe for concurrent use. Objects that
// come out are shared and must not be changed; objects that go in are not kept.
//
// Errors wrap the sentinels of package api and name the object's key.
type Store interface {
	// Get reads the latest state: it sees every write that was acknowledged, by
	// any server, before the call. ErrNotFound when there is none.
	Get(ctx context.Context, key api.Key) (*api.Object, error)

	// List reads the objects of a kind as they were at one revision, ordered by
	// namespace and name. ErrExpired when opts asks for a revision that is gone,
	// ErrAhead when it asks for one that does not come within a few seconds.
	List(ctx context.Context, kind string, opts ListOptions) (List, error)

	// Create stores a new object and returns it with uid, creationTimestamp,
	// generation 1 and resourceVersion filled in. Status is kept as given.
	// ErrExists when the key is taken.
	Create(ctx context.Context, obj *api.Object, opts ...WriteOption) (*api.Object, error)

	// Update replaces everything but status. It needs the resourceVersion that was
	// read (else ErrConflict); uid, creationTimestamp and deletionTimestamp stay as they are. The
	// generation moves when something outside metadata and status changed. A write
	// that changes nothing returns the live object and takes no revision. A write
	// that empties the finalizers of an object marked for deletion removes it.
	Update(ctx context.Context, obj *api.Object, opts ...WriteOption) (*api.Object, error)

	// UpdateStatus replaces the status alone (and with WithManagedFields metadata.managedFields), under the
	// same resourceVersion rule; it never touches spec or generation. A write that changes nothing takes no revision.
	UpdateStatus(ctx context.Context, obj *api.Object, opts ...WriteOption) (*api.Object, error)

	// Delete marks the object (deletionTimestamp, generation + 1) while it has
	// finalizers, else removes it. It returns the last state, with the revision of
	// the mark or removal. Marking twice changes nothing. ErrConflict when pre does not hold.
	// The option Finalizers changes them in the same write.
	Delete(ctx context.Context, key api.Key, pre Preconditions, opts ...WriteOption) (*api.Object, error)

	// Watch yields every change of a kind after revision from, in revision order,
	// each once, until ctx ends or the sequence yields an error (then it is over):
	// ErrExpired when from is no longer kept. With opts.Progress it also yields
	// Bookmark events that never overtake a change.
	//
	// A selector is applied to the object before and after the change: an object
	// that stops matching is yielded as Deleted with its old state and the new
	// revision, one that starts to match as Added. Watch does not start with the
	// present state: List first, and watch from its revision.
	Watch(ctx context.Context, kind string, from Revision, opts WatchOptions) iter.Seq2[Event, error]

	// History lists every generation of an object's spec, oldest first. ErrNotFound when none is kept.
	History(ctx context.Context, key api.Key) ([]Version, error)

	// Revision is the latest revision of the store, of whatever kind.
	Revision(ctx context.Context) (Revision, error)
}

// ListOptions narrows a List. The zero value lists all namespaces at the latest revision.
type ListOptions struct {
	Namespace string // "" is all
	Labels    labels.Selector
	Fields    Fields
	Limit     int    // 0 is no limit
	Continue  Cursor // where the page before ended
	// At asks for exactly this revision, AtLeast for this one or a later one.
	At, AtLeast Revision
	// Any allows any state that the server has at hand, however old.
	Any bool
}

// Cursor is a place in a paged list: the revision all its pages are read at and
// the last name of the page before.
type Cursor struct {
	Revision        Revision
	Namespace, Name string
}

// List is what List returns. Next is set, and Remaining counted (-1 where a
// selector makes that a guess), when a limit cut the list.
type List struct {
	Items     []*api.Object
	Revision  Revision
	Next      *Cursor
	Remaining int64
}

// Fields selects by fields of the object. Values tells an object's selectable
// fields, as the API knows them per kind; a nil Fields selects all.
type Fields struct {
	Selector fields.Selector
	Values   func(*api.Object) fields.Set
}

// Matches reports whether the selector accepts obj.
func (f Fields) Matches(obj *api.Object) bool {
	if f.Selector == nil || f.Selector.Empty() {
		return true
	}
	return f.Selector.Matches(f.Values(obj))
}

// WatchOptions narrows a Watch.
type WatchOptions struct {
	Namespace string
	Labels    labels.Selector
	Fields    Fields
	// Progress asks for a Bookmark whenever the watch has been quiet this long
	// while the store moved on; 0 is never.
	Progress time.Duration
}

// EventType says what happened to an object.
type EventType string

// The types of Event, in the words of the watch protocol.
const (
	Added    EventType = "ADDED"
	Modified EventType = "MODIFIED"
	Deleted  EventType = "DELETED"
	Bookmark EventType = "BOOKMARK"
)

// Event is one change. Object is the state after it (for Deleted the last
// state, carrying the revision of the deletion); nil for a Bookmark. More says that the
// next event is there already: who gathers what it sends may go on gathering.
type Event struct {
	Type     EventType
	Revision Revision
	Object   *api.Object
	More     bool
}

// Preconditions of a Delete; empty fields are not checked.
type Preconditions struct {
	UID             string
	ResourceVersion string
}

// Version is one generation of an object's spec.
type Version struct {
	Generation int64
	Revision   Revision
	At         time.Time
	By         string // who wrote it, "" when not known
	Object     *api.Object
}

// WriteOption says more about a write.
type WriteOption func(*Write)

// Write is what the options of one write add up to.
type Write struct {
	By            string
	DryRun        bool
	ManagedFields bool
	Finalizers    func([]string) []string
	Audited       func(Change) audit.Record // nil: nothing is recorded
	Passing       func(Change) bool         // nil: nothing is
	Fence         string                    // a member; "" is none
}

// By names who is writing; it is kept with the version of the spec.
// What no text can hold, which a name from outside may have, is replaced in it.
func By(who string) WriteOption {
	who = strings.ReplaceAll(strings.ToValidUTF8(who, "\ufffd"), "\x00", "\ufffd")
	return func(w *Write) { w.By = who }
}

// DryRun does all that the write would do, checks included, and stores nothing.
func DryRun() WriteOption { return func(w *Write) { w.DryRun = true } }

// Finalizers has a Delete change the finalizers of the object, in the same write that marks or
// removes it, to those that rule makes of them; also of an object that is marked already. The rule
// must not change the slice that it gets.
func Finalizers(rule func([]string) []string) WriteOption {
	return func(w *Write) { w.Finalizers = rule }
}

// WithManagedFields has UpdateStatus take metadata.managedFields from the object it is
// given, too. Without it the live ones are kept; Update always takes them.
func WithManagedFields() WriteOption { return func(w *Write) { w.ManagedFields = true } }

// Writing adds options up.
func Writing(opts ...WriteOption) Write {
	var w Write
	for _, opt := range opts {
		opt(&w)
	}
	return w
}
