package server_test

import (
	"context"
	"fmt"
	"iter"
	"sync/atomic"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// flakyStore is a store on a bad day, as asked for.
type flakyStore struct {
	store.Store
	expired   atomic.Bool  // what is asked for by revision is gone
	conflicts atomic.Int32 // so many updates lose a race
	failure   atomic.Pointer[error]
	lists     atomic.Int32 // of Widgets
}

func (f *flakyStore) failing() error {
	if err := f.failure.Load(); err != nil {
		return *err
	}
	return nil
}

func (f *flakyStore) List(ctx context.Context, kind string, opts store.ListOptions) (store.List, error) {
	if kind == widgetKind {
		f.lists.Add(1)
	}
	if f.expired.Load() && (opts.Continue.Revision > 0 || opts.At > 0) {
		return store.List{}, fmt.Errorf("list %s: %w", kind, api.ErrExpired)
	}
	return f.Store.List(ctx, kind, opts)
}

func (f *flakyStore) Watch(ctx context.Context, kind string, from store.Revision, opts store.WatchOptions) iter.Seq2[store.Event, error] {
	if !f.expired.Load() {
		return f.Store.Watch(ctx, kind, from, opts)
	}
	return func(yield func(store.Event, error) bool) {
		yield(store.Event{}, fmt.Errorf("watch %s from %d: %w", kind, from, api.ErrExpired))
	}
}

func (f *flakyStore) Create(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	if err := f.failing(); err != nil {
		return nil, err
	}
	return f.Store.Create(ctx, obj, opts...)
}

func (f *flakyStore) Update(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	if err := f.failing(); err != nil {
		return nil, err
	}
	if f.conflicts.Add(-1) >= 0 {
		return nil, fmt.Errorf("%s: %w", obj.Key(), api.ErrConflict)
	}
	return f.Store.Update(ctx, obj, opts...)
}
