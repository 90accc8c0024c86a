package reconcile

import (
	"context"
	"errors"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// fenced is the store as the work in one tenure gets it: its writes are refused once
// the membership that they are made in has ended.
type fenced struct {
	store.Store
	member  string
	refused func() // is told of such a write
}

// storeOf is the store for the work in a tenure.
func (e *engine) storeOf(t *tenure) store.Store {
	if t.member == "" {
		return e.store
	}
	return &fenced{e.store, t.member, e.writeRefused}
}

// writeRefused counts a write that came too late; the membership loop is to see why.
func (e *engine) writeRefused() {
	e.metrics.fenced.Inc()
	select {
	case e.refused <- struct{}{}:
	default:
	}
}

func (f *fenced) Create(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	return f.wrote(f.Store.Create(ctx, obj, f.with(opts)...))
}

func (f *fenced) Update(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	return f.wrote(f.Store.Update(ctx, obj, f.with(opts)...))
}

func (f *fenced) UpdateStatus(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	return f.wrote(f.Store.UpdateStatus(ctx, obj, f.with(opts)...))
}

func (f *fenced) Delete(ctx context.Context, key api.Key, pre store.Preconditions, opts ...store.WriteOption) (*api.Object, error) {
	return f.wrote(f.Store.Delete(ctx, key, pre, f.with(opts)...))
}

func (f *fenced) with(opts []store.WriteOption) []store.WriteOption {
	return append(opts[:len(opts):len(opts)], store.Fenced(f.member))
}

func (f *fenced) wrote(obj *api.Object, err error) (*api.Object, error) {
	if errors.Is(err, store.ErrFenced) {
		f.refused()
	}
	return obj, err
}
