package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/api/audit"
	"github.com/powernode/powernode/store"
)

// skipAhead is how far the revisions move where the clock can't say how far they have come.
const skipAhead = 1_000_000_000

// moveBeyond moves the counter of a schema that begins another life beyond every revision that its former life
// has handed out, of which seen is only one, and lets the history begin there.
//
// The new counter is the time of the database in microseconds since 1970. Revisions that began
// below the clock stay below it, as nobody writes a million a second: so whatever was handed out
// before, by this life or another, is smaller, and two restores of one backup never meet.
// A clock that is behind seen is wrong; then it is a good deal more than seen.
func moveBeyond(ctx context.Context, tx pgx.Tx, seen store.Revision) (v store.Revision, err error) {
	err = tx.QueryRow(ctx, `
		WITH clock AS (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now),
		moved AS (
			UPDATE counter SET v = CASE WHEN now > $1::bigint THEN now ELSE $1::bigint + $2::bigint END FROM clock RETURNING v
		), begun AS (
			UPDATE history SET floor = moved.v FROM moved
		) SELECT v FROM moved`, int64(seen), int64(skipAhead)).Scan(&v)
	if err != nil {
		return 0, fmt.Errorf("move the revisions on: %w", err)
	}
	return v, nil
}

// note adds a record of the restore to the chain: who follows it sees where records may be missing.
func (r *restorer) note(ctx context.Context) error {
	r.done.Begins++
	e, err := audit.Encode(audit.Record{
		At: time.Now(), User: "system:powernode", Verb: "restore", Resource: "databases", Code: 200,
		Message: fmt.Sprintf("restored the backup of %s, which ends at revision %d and record %d; what was written and recorded after it is not here. Revisions go on at %d",
			r.done.At.Format(time.RFC3339), r.done.Revision, r.done.AuditLast, r.done.Begins),
	})
	if err != nil {
		return err
	}
	e.ID = int64(r.done.Begins)
	var week time.Time
	var head audit.Head
	var hash []byte
	err = r.tx.QueryRow(ctx, `
		SELECT greatest(week, date_trunc('week', now() AT TIME ZONE 'UTC')::date), last, head FROM audit_chain`).Scan(&week, &head.ID, &hash)
	if err != nil {
		return fmt.Errorf("record the restore: %w", err)
	}
	copy(head.Hash[:], hash)
	for _, table := range []string{"audit", "audit_links"} {
		if err := createWeek(ctx, r.tx, table, week); err != nil {
			return err
		}
	}
	return r.link(ctx, week, e, audit.Append(head.Hash, e))
}

// link writes a record with its link.
func (r *restorer) link(ctx context.Context, week time.Time, e audit.Entry, l audit.Link) error {
	c := columns(e.Record)
	batch := &pgx.Batch{}
	batch.Queue(`UPDATE counter SET v = $1`, e.ID)
	batch.Queue(`UPDATE history SET floor = $1`, e.ID)
	batch.Queue(`INSERT INTO audit (week, id, at, `+columnNames+`, code, document) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		week, e.ID, e.At, c[0], c[1], c[2], c[3], c[4], c[5], c[6], e.Code, []byte(e.Document))
	batch.Queue(`INSERT INTO audit_links (week, last, sums, head, batch) VALUES ($1, $2, $3, $4, gen_random_uuid())`, week, e.ID, audit.Pack(l.Sums), l.Head[:])
	batch.Queue(`UPDATE audit_chain SET week = $1, last = $2, head = $3`, week, e.ID, l.Head[:])
	if err := r.tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("record the restore: %w", err)
	}
	return nil
}
