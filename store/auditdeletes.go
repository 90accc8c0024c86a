package store

import (
	"context"
	"errors"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/audit"
)

// AuditDeletes is s with a record of every object that is marked for deletion or removed through
// it, committed with that. It is for those that delete in consequence of what others
// asked for: a call that finds nothing left to do has no record, however often it is made.
// Objects that of does not name have none either.
func AuditDeletes(s Store, of func(api.Key) bool, record func(by string, c Change) audit.Record) Store {
	return auditDeletes{s, of, record}
}

type auditDeletes struct {
	Store
	of     func(api.Key) bool
	record func(by string, c Change) audit.Record
}

// Delete implements Store.
func (s auditDeletes) Delete(ctx context.Context, key api.Key, pre Preconditions, opts ...WriteOption) (*api.Object, error) {
	if !s.of(key) {
		return s.Store.Delete(ctx, key, pre, opts...)
	}
	live, err := s.Get(ctx, key)
	switch {
	case errors.Is(err, api.ErrNotFound):
	case err != nil:
		return nil, err
	case live.DeletionTimestamp == nil:
		opts = s.audited(opts)
	}
	return s.Store.Delete(ctx, key, pre, opts...)
}

// Update implements Store; one that takes the last finalizer off removes the object.
func (s auditDeletes) Update(ctx context.Context, obj *api.Object, opts ...WriteOption) (*api.Object, error) {
	if obj.DeletionTimestamp != nil && len(obj.Finalizers) == 0 && s.of(obj.Key()) {
		opts = s.audited(opts)
	}
	return s.Store.Update(ctx, obj, opts...)
}

func (s auditDeletes) audited(opts []WriteOption) []WriteOption {
	by := Writing(opts...).By
	return append(opts[:len(opts):len(opts)], Audited(func(c Change) audit.Record { return s.record(by, c) }))
}
