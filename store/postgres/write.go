package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/audit"
	"github.com/powernode/powernode/store"
)

// tries bounds how often a write that is no compare-and-swap for its caller (a
// Delete) is repeated because others keep changing the object.
const tries = 20

// Create implements store.Store.
func (s *Store) Create(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	return s.write(ctx, obj.Key(), opts, func(live *api.Object) (store.Change, error) {
		if err := s.sealer.check(obj.Key()); err != nil {
			return store.Change{}, err
		}
		return store.Create(live, obj, uuid.NewString(), time.Now())
	})
}

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	return s.write(ctx, obj.Key(), opts, func(live *api.Object) (store.Change, error) {
		if err := s.sealer.check(obj.Key()); err != nil {
			return store.Change{}, err
		}
		return store.Update(live, obj, opts...)
	})
}

// UpdateStatus implements store.Store.
func (s *Store) UpdateStatus(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	return s.write(ctx, obj.Key(), opts, func(live *api.Object) (store.Change, error) {
		if err := s.sealer.check(obj.Key()); err != nil {
			return store.Change{}, err
		}
		return store.UpdateStatus(live, obj, opts...)
	})
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, key api.Key, pre store.Preconditions, opts ...store.WriteOption) (*api.Object, error) {
	return s.write(ctx, key, opts, func(live *api.Object) (store.Change, error) {
		if lost := s.sealer.missing(key); live == nil && lost != nil {
			live = lost.remains()
		}
		return store.Delete(live, key, pre, time.Now(), opts...)
	})
}

// write applies a rule to the object as this server knows it, and has the
// batcher commit what it comes to if that is still the latest state. Whatever is
// answered without a commit is answered from the latest state too.
func (s *Store) write(ctx context.Context, key api.Key, opts []store.WriteOption, rule func(live *api.Object) (store.Change, error)) (*api.Object, error) {
	w := store.Writing(opts...)
	for latest, n := false, 0; n < tries; n++ {
		change, err := rule(s.hub.Get(key))
		if (err != nil || change.Type == "" || w.DryRun) && !errors.Is(err, api.ErrInvalid) && !latest {
			if err := s.catchUp(ctx); err != nil {
				return nil, fmt.Errorf("write %s: %w", key, err)
			}
			latest = true
			continue
		}
		if err != nil || w.DryRun {
			return change.New, err
		}
		record, err := w.Record(change)
		if err != nil {
			return nil, err
		}
		if change.Type == "" {
			return change.New, s.noteIdle(ctx, record)
		}
		written, err := s.writer.write(ctx, change, w, record)
		if !errors.Is(err, errLost) {
			return written, err
		}
		latest = false
		if err := s.catchUp(ctx); err != nil {
			return nil, fmt.Errorf("write %s: %w", key, err)
		}
	}
	return nil, fmt.Errorf("%s changes too fast: %w", key, api.ErrConflict)
}

// noteIdle keeps the record of a write that changed nothing, if there is one.
func (s *Store) noteIdle(ctx context.Context, record *audit.Entry) error {
	if record == nil {
		return nil
	}
	return s.writer.note(ctx, *record)
}
