package postgres

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// patience is how long a read waits for a revision that is still to come.
const patience = 3 * time.Second

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key api.Key) (*api.Object, error) {
	if err := s.catchUp(ctx); err != nil {
		return nil, fmt.Errorf("get %s: %w", key, err)
	}
	if o := s.hub.Get(key); o != nil {
		return o, nil
	}
	if err := s.sealer.check(key); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%s: %w", key, api.ErrNotFound)
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, kind string, opts store.ListOptions) (store.List, error) {
	at := max(opts.At, opts.Continue.Revision)
	var err error
	switch {
	case opts.Any && at == 0 && opts.AtLeast == 0:
	case at > 0 || opts.AtLeast > 0:
		err = s.await(ctx, max(at, opts.AtLeast))
	default:
		err = s.catchUp(ctx)
	}
	if err != nil {
		return store.List{}, fmt.Errorf("list %s: %w", kind, err)
	}
	if at == 0 {
		return s.hub.View(kind).Select(opts), nil
	}
	view, err := s.viewAt(ctx, kind, at)
	if err != nil {
		return store.List{}, err
	}
	return view.Select(opts), nil
}

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, kind string, from store.Revision, opts store.WatchOptions) iter.Seq2[store.Event, error] {
	return s.hub.Watch(ctx, kind, from, opts)
}

// Revision implements store.Store.
func (s *Store) Revision(ctx context.Context) (store.Revision, error) {
	return s.latest(ctx)
}

// History implements store.Store.
func (s *Store) History(ctx context.Context, key api.Key) ([]store.Version, error) {
	if text := key.String(); !utf8.ValidString(text) || strings.Contains(text, "\x00") { // no object has such a name, and no query
		return nil, fmt.Errorf("history of %q: %w", text, api.ErrNotFound)
	}
	rows, err := s.pool.Query(ctx, `
		SELECT generation, rev, at, by, data FROM versions
		WHERE (kind, ns, name) = ($1, $2, $3) AND uid = (
			SELECT uid FROM versions WHERE (kind, ns, name) = ($1, $2, $3) ORDER BY rev DESC LIMIT 1)
		ORDER BY rev`, key.Kind, key.Namespace, key.Name)
	if err != nil {
		return nil, fmt.Errorf("history of %s: %w", key, err)
	}
	versions, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (v store.Version, err error) {
		var data []byte
		if err = row.Scan(&v.Generation, &v.Revision, &v.At, &v.By, &data); err == nil {
			v.Object, err = s.sealer.decode(ctx, key, data, v.Revision)
		}
		return v, err
	})
	if err != nil {
		return nil, fmt.Errorf("history of %s: %w", key, err)
	}
	if len(versions) == 0 {
		return nil, fmt.Errorf("history of %s: %w", key, api.ErrNotFound)
	}
	return versions, nil
}

// latest is the revision of the database now, which may be ahead of the memory.
func (s *Store) latest(ctx context.Context) (store.Revision, error) {
	return s.fresh.read(ctx)
}

// catchUp brings the memory to everything that was committed, by any server, before the call.
func (s *Store) catchUp(ctx context.Context) error {
	r, err := s.latest(ctx)
	if err != nil {
		return err
	}
	return s.reach(ctx, r)
}

// reach waits until the memory has come to a revision that the database has.
func (s *Store) reach(ctx context.Context, r store.Revision) error {
	if s.hub.Position() >= r {
		return nil
	}
	s.follow.nudge(r)
	return s.hub.Await(ctx, r)
}

// await waits a little for a revision that may still be to come.
func (s *Store) await(ctx context.Context, r store.Revision) error {
	if s.hub.Position() >= r {
		return nil
	}
	latest, err := s.latest(ctx)
	if err != nil {
		return err
	}
	if latest >= r {
		return s.reach(ctx, r)
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if s.hub.Await(waiting, r) == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("revision %d of %d: %w", r, latest, api.ErrAhead)
}
