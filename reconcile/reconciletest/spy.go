package reconciletest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// spy counts the writes of all managers of a world, and may make calls fail.
type spy struct {
	mu     sync.Mutex
	writes []string
	before func(op string, key api.Key) error
}

func (s *spy) intercept(f func(string, api.Key) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = f
}

func (s *spy) call(op string, key api.Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before == nil {
		return nil
	}
	return s.before(op, key)
}

func (s *spy) wrote(op string, key api.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, op+" "+key.String())
}

// sync puts what was done before it before all calls of the managers that come after it.
func (s *spy) sync() { s.count() }

func (s *spy) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.writes)
}

// last lists the last n writes, at most ten of them.
func (s *spy) last(n int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.writes[len(s.writes)-min(n, 10):])
}

var errCrashed = errors.New("this manager has crashed")

// handle is one manager's way to the store.
type handle struct {
	store.Store
	spy  *spy
	dead atomic.Bool
}

func (h *handle) call(op string, key api.Key) error {
	if h.dead.Load() {
		return errCrashed
	}
	return h.spy.call(op, key)
}

func (h *handle) Get(ctx context.Context, key api.Key) (*api.Object, error) {
	if err := h.call("Get", key); err != nil {
		return nil, err
	}
	return h.Store.Get(ctx, key)
}

func (h *handle) List(ctx context.Context, kind string, opts store.ListOptions) (store.List, error) {
	if err := h.call("List", api.Key{Kind: kind, Namespace: opts.Namespace}); err != nil {
		return store.List{}, err
	}
	return h.Store.List(ctx, kind, opts)
}

func (h *handle) Create(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	return h.write(ctx, "Create", obj.Key(), func() (*api.Object, error) { return h.Store.Create(ctx, obj, opts...) })
}

func (h *handle) Update(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	return h.write(ctx, "Update", obj.Key(), func() (*api.Object, error) { return h.Store.Update(ctx, obj, opts...) })
}

func (h *handle) UpdateStatus(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	return h.write(ctx, "UpdateStatus", obj.Key(), func() (*api.Object, error) { return h.Store.UpdateStatus(ctx, obj, opts...) })
}

func (h *handle) Delete(ctx context.Context, key api.Key, pre store.Preconditions, opts ...store.WriteOption) (*api.Object, error) {
	return h.write(ctx, "Delete", key, func() (*api.Object, error) { return h.Store.Delete(ctx, key, pre, opts...) })
}

// write makes a write and counts it if it took a revision: one that changes nothing does not.
func (h *handle) write(ctx context.Context, op string, key api.Key, do func() (*api.Object, error)) (*api.Object, error) {
	if err := h.call(op, key); err != nil {
		return nil, err
	}
	before, err := h.Store.Revision(ctx)
	if err != nil {
		return nil, err
	}
	obj, err := do()
	if err != nil {
		return nil, err
	}
	if at, err := strconv.ParseInt(obj.ResourceVersion, 10, 64); err != nil || store.Revision(at) > before {
		h.spy.wrote(op, key)
	}
	return obj, nil
}

// Watch asks the interceptor before each event, with op "Watch".
func (h *handle) Watch(ctx context.Context, kind string, from store.Revision, opts store.WatchOptions) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		for event, err := range h.Store.Watch(ctx, kind, from, opts) {
			if err == nil && event.Object != nil {
				err = h.call("Watch", event.Object.Key())
			}
			if !yield(event, err) || err != nil {
				return
			}
		}
	}
}
