package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/store/seal"
)

// keyRow is a row of sealing_keys.
type keyRow struct {
	ID      seal.ID
	canary  []byte
	wrapped []byte
	Current bool
	At      time.Time
}

// querier is what a pool and a transaction have in common.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func keyRows(ctx context.Context, q querier) ([]keyRow, error) {
	rows, err := q.Query(ctx, `SELECT id, canary, wrapped, current, at FROM sealing_keys ORDER BY at, id`)
	if err != nil {
		return nil, fmt.Errorf("read the sealing keys: %w", away(err))
	}
	keys, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k keyRow, err error) {
		var id []byte
		err = row.Scan(&id, &k.canary, &k.wrapped, &k.Current, &k.At)
		copy(k.ID[:], id)
		return k, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the sealing keys: %w", away(err))
	}
	return keys, nil
}

// canary is what every key proves itself by.
var canary = seal.Binding{Kind: "canary"}

const canaryText = "powernode"

// start learns the keys, or at the first start makes one. It fails when the
// database is sealed with a key that is not there.
func (s *sealer) start(ctx context.Context) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('powernode sealing'), hashtext(current_schema()))`); err != nil {
			return fmt.Errorf("lock the sealing keys: %w", err)
		}
		rows, err := keyRows(ctx, tx)
		switch {
		case err != nil:
			return err
		case s.source == nil && len(rows) > 0:
			return errors.New("the secrets in this database are sealed: name the key that they are sealed with")
		case s.source == nil:
			return nil
		case len(rows) > 0:
			return s.learn(ctx, rows)
		}
		key, wrapped, err := s.firstKey(ctx)
		if err != nil {
			return err
		}
		if err := addKey(ctx, tx, key, wrapped); err != nil {
			return err
		}
		s.ring, s.current = seal.NewRing(key), key.ID()
		return nil
	})
}

// firstKey is the newest that the source has, or a new one.
func (s *sealer) firstKey(ctx context.Context) (seal.Key, []byte, error) {
	keys, err := s.source.Keys(ctx, nil)
	if err != nil {
		return seal.Key{}, nil, err
	}
	if len(keys) > 0 {
		return keys[len(keys)-1], nil, nil
	}
	return s.source.New(ctx)
}

// addKey makes a key the one that seals.
func addKey(ctx context.Context, tx pgx.Tx, key seal.Key, wrapped []byte) error {
	sealed, err := seal.Seal(key, canary, []byte(canaryText))
	if err != nil {
		return err
	}
	id := key.ID()
	if _, err := tx.Exec(ctx, `UPDATE sealing_keys SET current = false WHERE current`); err != nil {
		return fmt.Errorf("note the sealing key: %w", err)
	}
	if _, err := tx.Exec(ctx, `INSERT INTO sealing_keys (id, canary, wrapped, current) VALUES ($1, $2, $3, true)`, id[:], sealed, wrapped); err != nil {
		return fmt.Errorf("note the sealing key: %w", err)
	}
	return nil
}

// learn takes over what the source has, if the key that seals is among it and proves itself.
func (s *sealer) learn(ctx context.Context, rows []keyRow) error {
	var wrapped [][]byte
	for _, r := range rows {
		if r.wrapped != nil {
			wrapped = append(wrapped, r.wrapped)
		}
	}
	keys, err := s.source.Keys(ctx, wrapped)
	if err != nil {
		return err
	}
	ring := seal.NewRing(keys...)
	for _, r := range rows {
		if !r.Current {
			continue
		}
		if _, there := ring[r.ID]; !there {
			return fmt.Errorf("the secrets in this database are sealed with key %s, and %v has %s: use the key that they were sealed with (copy it from a server that has it)",
				r.ID, s.source, names(ring))
		}
		text, err := ring.Open(&seal.Binding{Kind: canary.Kind}, r.canary)
		if err != nil || string(text) != canaryText {
			return fmt.Errorf("key %s of %v does not open what this database was sealed with: %w", r.ID, s.source, err)
		}
		s.mu.Lock()
		s.renewed = s.renewed || len(s.lost) > 0 && !maps.Equal(s.ring, ring)
		s.ring, s.current = ring, r.ID
		s.mu.Unlock()
		return nil
	}
	return errors.New("no sealing key of this database is the current one")
}

// names tells which keys there are.
func names(ring seal.Ring) string {
	var ids []string
	for id := range ring {
		ids = append(ids, id.String())
	}
	if len(ids) == 0 {
		return "no key"
	}
	slices.Sort(ids)
	return "only " + strings.Join(ids, ", ")
}

const (
	reloadTime = time.Second      // between looks at the source because something does not open
	waitTime   = 10 * time.Second // and because something has not opened for a while
)

// reload reads the keys again, unless that was done less than apart ago.
func (s *sealer) reload(ctx context.Context, apart time.Duration) error {
	if s.source == nil {
		return errors.New("there are no sealing keys")
	}
	s.mu.Lock()
	early := time.Since(s.reloaded) < apart
	if !early {
		s.reloaded = time.Now()
	}
	s.mu.Unlock()
	if early {
		return errors.New("the sealing keys were read a moment ago")
	}
	rows, err := keyRows(ctx, s.pool)
	if err == nil {
		err = s.learn(ctx, rows)
	}
	if err != nil && ctx.Err() == nil {
		s.log.Error("the sealing keys can not be read anew", "error", err)
	}
	return err
}

// heard takes the id of the key that seals now, as the database says it.
func (s *sealer) heard(ctx context.Context, current []byte) {
	s.mu.RLock()
	same, waiting := string(s.current[:]) == string(current), len(s.lost) > 0
	s.mu.RUnlock()
	switch {
	case s.source == nil || len(current) == 0: // nothing is sealed
	case !same:
		_ = s.reload(ctx, reloadTime) // what goes wrong is in the log, and is tried again
	case waiting:
		_ = s.reload(ctx, waitTime)
	}
}

// takeRenewed reports, once, that objects may be readable now that could not be read.
func (s *sealer) takeRenewed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.renewed
	s.renewed = false
	return r
}

// again has takeRenewed report it once more.
func (s *sealer) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renewed = true
}
