package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// olderSize is how many changes a watch that resumes from the database takes at a time.
const olderSize = 500

// pastSQL reads changes of a kind with the state before each. It also tells the
// floor, which is gone as soon as history before it is.
const pastSQL = `
SELECT history.floor, c.rev, c.op, c.kind, c.ns, c.name, c.data, c.prev_rev, c.prev
FROM history LEFT JOIN LATERAL (
	SELECT c.rev, c.op::text, c.kind, c.ns, c.name, c.data, c.prev_rev, coalesce(c.prev, p.data) AS prev
	FROM (%s) c LEFT JOIN changes p ON c.prev IS NULL AND c.op <> 'A' AND p.rev = c.prev_rev
) c ON true ORDER BY c.rev`

// older implements store.Hub.Older.
func (s *Store) older(ctx context.Context, kind string, from, to store.Revision) ([]store.Change, store.Revision, error) {
	changes, err := s.past(ctx, kind, from, `
		SELECT * FROM changes WHERE kind = $1 AND rev > $2 AND rev <= $3 ORDER BY rev LIMIT $4`, to, olderSize)
	if err != nil {
		return nil, 0, err
	}
	if len(changes) == olderSize {
		to = changes[olderSize-1].Revision
	}
	return changes, to, nil
}

// viewAt is the state of a kind at a past revision.
func (s *Store) viewAt(ctx context.Context, kind string, at store.Revision) (store.View, error) {
	view, err := s.hub.ViewAt(kind, at)
	if !errors.Is(err, api.ErrExpired) {
		return view, err
	}
	now := s.hub.View(kind)
	// The first change of each object since then tells what it was.
	changes, err := s.past(ctx, kind, at, `
		SELECT DISTINCT ON (ns, name) * FROM changes WHERE kind = $1 AND rev > $2 AND rev <= $3 ORDER BY ns, name, rev`, now.Revision)
	if err != nil {
		return store.View{}, err
	}
	return now.Undo(changes, at), nil
}

// past reads the changes that a query finds, all of them after revision from.
func (s *Store) past(ctx context.Context, kind string, from store.Revision, query string, args ...any) ([]store.Change, error) {
	rows, err := s.pool.Query(ctx, fmt.Sprintf(pastSQL, query), append([]any{kind, from}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("changes of %s after revision %d: %w", kind, from, err)
	}
	var (
		changes []store.Change
		floor   store.Revision
		row     pastRow
	)
	_, err = pgx.ForEachRow(rows, []any{&floor, &row.rev, &row.op, &row.kind, &row.ns, &row.name, &row.data, &row.prevRev, &row.prev}, func() error {
		if floor > from {
			return api.ErrExpired
		}
		if row.rev == nil {
			return nil
		}
		c, err := s.pastChange(ctx, row)
		changes = append(changes, c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("changes of %s after revision %d: %w", kind, from, err)
	}
	return changes, nil
}

// pastRow is one change as the log has it, with the state before; all nil when there is none.
type pastRow struct {
	changeRow
	rev, prevRev *store.Revision
	prev         []byte
}

// pastChange is what a row says. What can't be read is as good as gone.
func (s *Store) pastChange(ctx context.Context, r pastRow) (c store.Change, err error) {
	key := api.Key{Kind: *r.kind, Namespace: *r.ns, Name: *r.name}
	c = store.Change{Type: typeOf[*r.op], Revision: *r.rev}
	if c.New, err = s.sealer.decode(ctx, key, r.data, *r.rev); err == nil && c.Type != store.Added {
		if r.prev == nil {
			return c, api.ErrExpired
		}
		c.Old, err = s.sealer.decode(ctx, key, r.prev, *r.prevRev)
	}
	var lost *unreadable
	if errors.As(err, &lost) {
		err = fmt.Errorf("%w: %w", api.ErrExpired, err)
	}
	return c, err
}
