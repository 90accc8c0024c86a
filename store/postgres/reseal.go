package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/seal"
)

// sealedColumn is a place where documents of sealed kinds lie.
type sealedColumn struct {
	table, column string
	after         string // condition that a row comes behind $3 (kind), $4 (ns), $5 (name), $6 (rev)
	order         string
}

var sealedColumns = []sealedColumn{
	{"objects", "data", `(kind, ns, name, rev) > ($3, $4, $5, $6)`, `kind, ns, name, rev`},
	{"versions", "data", `(kind, ns, name, rev) > ($3, $4, $5, $6)`, `kind, ns, name, rev`},
	{"changes", "data", `rev > $6 AND ($3::text, $4::text, $5::text) IS NOT NULL`, `rev`},
	{"changes", "prev", `rev > $6 AND ($3::text, $4::text, $5::text) IS NOT NULL`, `rev`},
}

// sealedRow is a document in one of them.
type sealedRow struct {
	key  api.Key
	rev  store.Revision
	data []byte
}

// resealSize is how many rows are read at a time.
const resealSize = 200

// reseal brings the documents of some kinds under the key that seals now: those of
// other keys are wrapped anew, those in the clear are sealed. Each row is replaced alone and only
// if it still is what was read, so writers go on meanwhile, and an end at any point
// leaves every row readable. It counts the rows it replaced; those that do not open stay, and are told in bad.
func (s *sealer) reseal(ctx context.Context, c sealedColumn) (n int, bad []error, err error) {
	s.mu.RLock()
	ring, current := s.ring, s.current
	s.mu.RUnlock()
	mark := append([]byte{1}, current[:]...)
	last := sealedRow{rev: -1}
	for {
		rows, err := s.foreign(ctx, c, mark, last)
		if err != nil || len(rows) == 0 {
			return n, bad, err
		}
		for _, row := range rows {
			data, err := row.under(ring, ring[current])
			if err != nil {
				bad = append(bad, fmt.Errorf("%s at revision %d, in %s: %w", row.key, row.rev, c.table, err))
				continue
			}
			tag, err := s.pool.Exec(ctx, fmt.Sprintf(`UPDATE %[1]s SET %[2]s = $1 WHERE kind = $2 AND ns = $3 AND name = $4 AND rev = $5 AND %[2]s = $6`, c.table, c.column),
				data, row.key.Kind, row.key.Namespace, row.key.Name, row.rev, row.data)
			if err != nil {
				return n, bad, fmt.Errorf("seal %s in %s: %w", row.key, c.table, away(err))
			}
			n += int(tag.RowsAffected())
		}
		last = rows[len(rows)-1]
	}
}

// foreign reads rows that are not under the key that mark stands for.
func (s *sealer) foreign(ctx context.Context, c sealedColumn, mark []byte, last sealedRow) ([]sealedRow, error) {
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`
		SELECT kind, ns, name, rev, %[2]s FROM %[1]s
		WHERE kind = ANY($1) AND substring(%[2]s FROM 1 FOR 9) <> $2 AND %[3]s ORDER BY %[4]s LIMIT %[5]d`,
		c.table, c.column, c.after, c.order, resealSize),
		s.kinds, mark, last.key.Kind, last.key.Namespace, last.key.Name, last.rev)
	if err != nil {
		return nil, fmt.Errorf("look for documents to seal in %s: %w", c.table, err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r sealedRow, err error) {
		return r, row.Scan(&r.key.Kind, &r.key.Namespace, &r.key.Name, &r.rev, &r.data)
	})
	if err != nil {
		return nil, fmt.Errorf("look for documents to seal in %s: %w", c.table, err)
	}
	return found, nil
}

// under is the document of the row under a key.
func (r sealedRow) under(ring seal.Ring, key seal.Key) ([]byte, error) {
	if _, sealed := seal.Sealed(r.data); sealed {
		return ring.Rewrap(key, binding(r.key, ""), r.data)
	}
	var o struct{ Metadata struct{ UID string } }
	if err := json.Unmarshal(r.data, &o); err != nil {
		return nil, errors.New("the document is no JSON")
	}
	return seal.Seal(key, binding(r.key, o.Metadata.UID), r.data)
}

// resealAll does it everywhere.
func (s *sealer) resealAll(ctx context.Context) (n int, bad []error, err error) {
	for _, c := range sealedColumns {
		some, worse, err := s.reseal(ctx, c)
		n, bad = n+some, append(bad, worse...)
		if err != nil {
			return n, bad, err
		}
	}
	return n, bad, nil
}

// sealOld seals what was written before its kind was sealed. Objects are looked at
// at each start, as that costs little; the rest where that finds something, and once.
func (s *sealer) sealOld(ctx context.Context) error {
	if s.source == nil || len(s.kinds) == 0 {
		return nil
	}
	var done int
	if err := s.pool.QueryRow(ctx, `SELECT count(*) FROM sealing_done WHERE kind = ANY($1)`, s.kinds).Scan(&done); err != nil {
		return fmt.Errorf("read which kinds are sealed: %w", err)
	}
	n, bad, err := s.reseal(ctx, sealedColumns[0])
	if err == nil && (n > 0 || done < len(s.kinds)) {
		var more int
		more, bad, err = s.resealAll(ctx)
		n += more
	}
	if err != nil {
		return err
	}
	if n > 0 {
		s.log.Info("sealed what was written before, or with a former key", "documents", n)
	}
	for _, b := range bad {
		s.log.Error("a document can not be sealed", "error", b)
	}
	_, err = s.pool.Exec(ctx, `INSERT INTO sealing_done SELECT unnest($1::text[]) ON CONFLICT DO NOTHING`, s.kinds)
	if err != nil {
		return fmt.Errorf("note which kinds are sealed: %w", err)
	}
	return nil
}
