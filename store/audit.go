package store

import (
	"context"

	"github.com/powernode/powernode/api/audit"
)

// Audit is the log of records of a store: append-only, and hash-chained as
// package audit says. The record of a write that was given Audited is committed
// with it, or not at all when the write is not.
type Audit interface {
	// Append keeps a record of what has no effect here: a call that was refused.
	// It takes a revision, so that all records are in the one order.
	Append(ctx context.Context, r audit.Record) error
	// Records and Links see every record whose write, or Append, was acknowledged
	// by any server before the call.
	audit.Source
}

// Audited has a record kept of the write. It is made from the change that is about to be
// committed, whose revision is not known yet; record may be called more than once, as
// the write is tried again when another was first. A write that changes nothing (the change's Type is "")
// has its record appended; a dry run and a write that fails have none.
func Audited(record func(Change) audit.Record) WriteOption {
	return func(w *Write) { w.Audited = record }
}

// Passing says of which changes by the write nothing is kept beside the object's new state: no record
// of the call, and no version of its spec. They are signs of life, as the renewal of a Lease, which come for
// ever and of which only the last says anything.
func Passing(of func(Change) bool) WriteOption { return func(w *Write) { w.Passing = of } }

func (w Write) passes(c Change) bool { return w.Passing != nil && c.Type == Modified && w.Passing(c) }

// Record is the record of a write that comes to a change; nil when none is to be kept.
func (w Write) Record(c Change) (*audit.Entry, error) {
	if w.Audited == nil || w.passes(c) {
		return nil, nil
	}
	e, err := audit.Encode(w.Audited(c))
	return &e, err
}
