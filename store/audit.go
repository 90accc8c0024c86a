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

// Record is the record of a write that comes to a change; nil when none is to be kept.
func (w Write) Record(c Change) (*audit.Entry, error) {
	if w.Audited == nil {
		return nil, nil
	}
	e, err := audit.Encode(w.Audited(c))
	return &e, err
}
