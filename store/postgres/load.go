package postgres

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/seal"
)

// load reads all objects, with the counter of the same snapshot.
func (s *Store) load(ctx context.Context) error {
	var at store.Revision
	var all loaded
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, s.pool, snapshot, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT v FROM counter`).Scan(&at); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT kind, ns, name, uid, rev, data FROM objects`)
		if err != nil {
			return err
		}
		return s.decodeAll(ctx, rows, &all)
	})
	if err != nil {
		return fmt.Errorf("read all objects: %w", err)
	}
	s.sealer.relist(all.lost)
	s.hub.Load(all.objects, at)
	return nil
}

// loaded is what rows say.
type loaded struct {
	mu      sync.Mutex
	objects []*api.Object
	lost    []*unreadable
}

// loadSize is how many rows are decoded at a time.
const loadSize = 256

// decodeAll reads the rows to their end. To decode them takes far longer than to read them, so
// that every processor does a part.
func (s *Store) decodeAll(ctx context.Context, rows pgx.Rows, all *loaded) error {
	group, ctx := errgroup.WithContext(ctx)
	parts := make(chan []objectRow)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			for part := range parts {
				if err := s.decodePart(ctx, part, all); err != nil {
					return err
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(parts)
		return readParts(ctx, rows, parts)
	})
	return group.Wait()
}

// readParts hands out the rows in parts.
func readParts(ctx context.Context, rows pgx.Rows, parts chan<- []objectRow) error {
	var row objectRow
	part := make([]objectRow, 0, loadSize)
	hand := func() error {
		select {
		case parts <- part:
			part = make([]objectRow, 0, loadSize)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	_, err := pgx.ForEachRow(rows, row.fields(), func() error {
		if part = append(part, row); len(part) < loadSize {
			return nil
		}
		return hand()
	})
	if err != nil {
		return err
	}
	return hand()
}

func (s *Store) decodePart(ctx context.Context, part []objectRow, all *loaded) error {
	objects, lost := make([]*api.Object, 0, len(part)), []*unreadable(nil)
	for _, row := range part {
		o, err := s.object(ctx, row)
		var u *unreadable
		switch {
		case errors.As(err, &u):
			lost = append(lost, u)
		case err != nil:
			return err
		default:
			objects = append(objects, o)
		}
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	all.objects, all.lost = append(all.objects, objects...), append(all.lost, lost...)
	return nil
}

// objectRow is a row of objects.
type objectRow struct {
	key  api.Key
	uid  string
	rev  store.Revision
	data []byte
}

func (r *objectRow) fields() []any {
	return []any{&r.key.Kind, &r.key.Namespace, &r.key.Name, &r.uid, &r.rev, &r.data}
}

// object is what a row says; the error is an *unreadable when the document does not open.
func (s *Store) object(ctx context.Context, row objectRow) (*api.Object, error) {
	o, err := s.sealer.decode(ctx, row.key, row.data, row.rev)
	if err == nil && string(o.UID) != row.uid {
		err = &unreadable{row.key, row.uid, row.rev, seal.ErrTampered}
	}
	var u *unreadable
	if errors.As(err, &u) {
		u.uid = row.uid
	}
	return o, err
}
