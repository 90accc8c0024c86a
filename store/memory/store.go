// Package memory keeps objects, tasks, logs and blobs in this process: for
// tests of controllers and servers, in real time or in a testing/synctest
// bubble, where it behaves as the real store does.
//
// The zero value of each type is ready. Nothing here outlives a call: there are no
// goroutines, and time is that of package time. The rules are those of package
// store; this package knows only where things lie.
package memory

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/audit"
	"github.com/powernode/powernode/store"
)

var _ store.Store = (*Store)(nil)

// patience is how long a read waits for a revision that is still to come.
const patience = 3 * time.Second

// Store is a store.Store in memory.
type Store struct {
	writing  sync.Mutex
	hub      store.Hub
	versions map[api.Key][]store.Version
	trail    trail
	members  map[string]struct{}
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key api.Key) (*api.Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("get %s: %w", key, err)
	}
	if o := s.hub.Get(key); o != nil {
		return o, nil
	}
	return nil, fmt.Errorf("%s: %w", key, api.ErrNotFound)
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, kind string, opts store.ListOptions) (store.List, error) {
	if err := ctx.Err(); err != nil {
		return store.List{}, fmt.Errorf("list %s: %w", kind, err)
	}
	at := max(opts.At, opts.Continue.Revision)
	if err := s.await(ctx, kind, max(at, opts.AtLeast)); err != nil {
		return store.List{}, err
	}
	if at == 0 {
		return s.hub.View(kind).Select(opts), nil
	}
	view, err := s.hub.ViewAt(kind, at)
	if err != nil {
		return store.List{}, err
	}
	return view.Select(opts), nil
}

// await waits a little for a revision that is still to come.
func (s *Store) await(ctx context.Context, kind string, r store.Revision) error {
	if s.hub.Position() >= r {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if s.hub.Await(ctx, r) != nil {
		return fmt.Errorf("list %s at revision %d: %w", kind, r, api.ErrAhead)
	}
	return nil
}

// Create implements store.Store.
func (s *Store) Create(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	return s.write(ctx, obj.Key(), opts, func(live *api.Object) (store.Change, error) {
		return store.Create(live, obj, uuid.NewString(), time.Now())
	})
}

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	return s.write(ctx, obj.Key(), opts, func(live *api.Object) (store.Change, error) {
		return store.Update(live, obj, opts...)
	})
}

// UpdateStatus implements store.Store.
func (s *Store) UpdateStatus(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	return s.write(ctx, obj.Key(), opts, func(live *api.Object) (store.Change, error) {
		return store.UpdateStatus(live, obj, opts...)
	})
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, key api.Key, pre store.Preconditions, opts ...store.WriteOption) (*api.Object, error) {
	return s.write(ctx, key, opts, func(live *api.Object) (store.Change, error) {
		return store.Delete(live, key, pre, time.Now(), opts...)
	})
}

// write applies a rule to the live object and commits what it comes to.
func (s *Store) write(ctx context.Context, key api.Key, opts []store.WriteOption, rule func(live *api.Object) (store.Change, error)) (*api.Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("write %s: %w", key, err)
	}
	w := store.Writing(opts...)
	s.writing.Lock()
	defer s.writing.Unlock()
	change, err := rule(s.hub.Get(key))
	if err != nil || w.DryRun {
		return change.New, err
	}
	if err := s.fence(key, w.Fence, change); err != nil {
		return nil, err
	}
	record, err := w.Record(change)
	switch {
	case err != nil:
		return nil, err
	case change.Type != "":
		change = s.commit(change, w.By)
		if record != nil {
			s.trail.add(int64(change.Revision), *record)
		}
	case record != nil:
		s.append(*record)
	}
	return change.New, nil
}

// commit gives a change the next revision.
func (s *Store) commit(change store.Change, by string) store.Change {
	now := s.hub.Position()
	change = change.At(now + 1)
	s.keep(change, by)
	s.hub.Apply(now, []store.Change{change}, change.Revision)
	return change
}

// append keeps a record without a change, at the next revision.
func (s *Store) append(record audit.Entry) {
	now := s.hub.Position()
	s.trail.add(int64(now+1), record)
	s.hub.Apply(now, nil, now+1)
}

// keep adds to an object's history; a new object of the same name starts anew.
func (s *Store) keep(c store.Change, by string) {
	if s.versions == nil {
		s.versions = map[api.Key][]store.Version{}
	}
	key := c.Key()
	if c.Type == store.Added {
		delete(s.versions, key)
	}
	if !c.Version {
		return
	}
	s.versions[key] = append(s.versions[key], store.Version{
		Generation: c.New.Generation, Revision: c.Revision, At: time.Now(), By: by, Object: c.New,
	})
}

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, kind string, from store.Revision, opts store.WatchOptions) iter.Seq2[store.Event, error] {
	return s.hub.Watch(ctx, kind, from, opts)
}

// History implements store.Store.
func (s *Store) History(_ context.Context, key api.Key) ([]store.Version, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if len(s.versions[key]) == 0 {
		return nil, fmt.Errorf("history of %s: %w", key, api.ErrNotFound)
	}
	return append([]store.Version(nil), s.versions[key]...), nil
}

// Revision implements store.Store.
func (s *Store) Revision(context.Context) (store.Revision, error) {
	return s.hub.Position(), nil
}
