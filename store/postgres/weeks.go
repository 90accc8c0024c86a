package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/powernode/powernode/api/audit"
)

// weeks keeps the audit log in partitions by week: makes them ahead of the
// writers, and drops those that are older than what is kept. What is dropped leaves an
// anchor, from which the chain of the rest is verified, and a record that tells of it.
type weeks struct {
	pool *pgxpool.Pool
	keep time.Duration
	log  *slog.Logger
	note func(ctx context.Context, r audit.Record) error
}

// lookOld is how often old weeks are looked for.
const lookOld = time.Hour

// run looks after the weeks until ctx ends.
func (w *weeks) run(ctx context.Context) {
	for wait(ctx, lookOld/2+rand.N(lookOld)) == nil {
		err := w.ensure(ctx)
		if err == nil {
			err = w.drop(ctx)
		}
		if err != nil && ctx.Err() == nil {
			w.log.Warn("the audit log is not looked after", "error", err)
		}
	}
}

// alone runs f in a transaction that no other server's looking after is in.
func (w *weeks) alone(ctx context.Context, f func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '5s'; SELECT pg_advisory_xact_lock(hashtext('powernode audit weeks'), hashtext(current_schema()))`)
		if err != nil {
			return fmt.Errorf("lock the weeks of the audit log: %w", err)
		}
		return f(tx)
	})
}

// ensure makes the present and the next week; the present is that of the chain
// when the database's clock has gone back.
func (w *weeks) ensure(ctx context.Context) error {
	return w.alone(ctx, func(tx pgx.Tx) error {
		var week time.Time
		if err := tx.QueryRow(ctx, `
			SELECT greatest(week, date_trunc('week', now() AT TIME ZONE 'UTC')::date) FROM audit_chain`).Scan(&week); err != nil {
			return fmt.Errorf("read the week: %w", err)
		}
		for _, week := range []time.Time{week, week.AddDate(0, 0, 7)} {
			for _, table := range []string{"audit", "audit_links"} {
				if err := createWeek(ctx, tx, table, week); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// weekTable names a week's partition.
func weekTable(table string, week time.Time) string { return table + "_" + week.Format("20060102") }

// createWeek makes a week of a table unless it is there; it only grows, too.
func createWeek(ctx context.Context, tx pgx.Tx, table string, week time.Time) error {
	part := weekTable(table, week)
	var there bool
	err := tx.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, part).Scan(&there)
	if err == nil && !there {
		_, err = tx.Exec(ctx, fmt.Sprintf(`
			CREATE TABLE %[1]s (LIKE %[2]s INCLUDING ALL);
			CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %[1]s FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
			ALTER TABLE %[2]s ATTACH PARTITION %[1]s FOR VALUES FROM ('%[3]s') TO ('%[4]s')`,
			part, table, week.Format(time.DateOnly), week.AddDate(0, 0, 7).Format(time.DateOnly)))
	}
	if err != nil {
		return fmt.Errorf("open the week %s: %w", part, err)
	}
	return nil
}

// drop drops the weeks that are old as a whole, from the first on.
func (w *weeks) drop(ctx context.Context) error {
	var anchor *audit.Head
	err := w.alone(ctx, func(tx pgx.Tx) error {
		old, err := w.old(ctx, tx)
		if err != nil || len(old) == 0 {
			return err
		}
		// Taken first, as a batch takes them, and held by readers for a moment only.
		if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '`+dropLock+`'; LOCK TABLE audit, audit_links IN ACCESS EXCLUSIVE MODE`); err != nil {
			return fmt.Errorf("lock the audit log: %w", err)
		}
		for _, week := range old {
			if err := dropWeek(ctx, tx, week, &anchor); err != nil {
				return fmt.Errorf("drop the week %s of the audit log: %w", week.Format(time.DateOnly), err)
			}
		}
		return nil
	})
	if err != nil || anchor == nil {
		return err
	}
	return w.note(ctx, audit.Record{
		At: time.Now(), User: "system:powernode", Verb: "drop", Resource: "auditrecords", Code: 200,
		Message: fmt.Sprintf("records up to %d were dropped, as they are kept for %v; the head of the chain there is %v", anchor.ID, w.keep, anchor.Hash),
	})
}

// old lists the weeks of which all is older than what is kept, by the database's clock.
func (w *weeks) old(ctx context.Context, tx pgx.Tx) ([]time.Time, error) {
	rows, err := tx.Query(ctx, `
		SELECT week FROM (
			SELECT to_date(substring(c.relname FROM 'audit_(\d+)'), 'YYYYMMDD') AS week
			FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'audit'::regclass
		) w WHERE week + 7 <= now() AT TIME ZONE 'UTC' - $1::interval ORDER BY week`, w.keep)
	if err != nil {
		return nil, fmt.Errorf("list the weeks of the audit log: %w", err)
	}
	old, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	if err != nil {
		return nil, fmt.Errorf("list the weeks of the audit log: %w", err)
	}
	return old, nil
}

// dropWeek drops a week, and moves the anchor to its last link, if it has any.
func dropWeek(ctx context.Context, tx pgx.Tx, week time.Time, anchor **audit.Head) error {
	var id int64
	var head []byte
	err := tx.QueryRow(ctx, fmt.Sprintf(`
		UPDATE audit_chain SET anchor = l.last, anchor_head = l.head
		FROM (SELECT last, head FROM %s ORDER BY last DESC LIMIT 1) l RETURNING anchor, anchor_head`,
		weekTable("audit_links", week))).Scan(&id, &head)
	switch {
	case err == nil:
		*anchor = &audit.Head{ID: id}
		copy((*anchor).Hash[:], head)
	case err != pgx.ErrNoRows:
		return err
	}
	_, err = tx.Exec(ctx, fmt.Sprintf(`DROP TABLE %s, %s`, weekTable("audit", week), weekTable("audit_links", week)))
	return err
}
