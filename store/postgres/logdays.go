package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// openDay makes the partition of log chunks for today by the database's clock,
// and drops those of former days that nothing is left in; that can wait, where somebody reads them
// for long, as a backup does.
func (l *Logs) openDay(ctx context.Context) error {
	var former []string
	err := l.aloneWithDays(ctx, func(tx pgx.Tx, days []string) error {
		var today time.Time
		if err := tx.QueryRow(ctx, `SELECT current_date`).Scan(&today); err != nil {
			return fmt.Errorf("read the date: %w", err)
		}
		table := "log_chunks_" + today.Format("20060102")
		if slices.Contains(days, table) {
			return nil
		}
		former = days
		return createDay(ctx, tx, table, today)
	})
	if err != nil || len(former) == 0 {
		return err
	}
	_ = l.aloneWithDays(ctx, func(tx pgx.Tx, _ []string) error { // if not now, then tomorrow
		for _, day := range former {
			if err := dropEmpty(ctx, tx, day); err != nil {
				return err
			}
		}
		return nil
	})
	return nil
}

// aloneWithDays runs f in a transaction that no other server's looking after the days is in.
func (l *Logs) aloneWithDays(ctx context.Context, f func(tx pgx.Tx, days []string) error) error {
	return pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '2s'; SELECT pg_advisory_xact_lock(hashtext('powernode log days'), hashtext(current_schema()))`); err != nil {
			return fmt.Errorf("lock log days: %w", err)
		}
		rows, err := tx.Query(ctx, `
			SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'log_chunks'::regclass`)
		if err != nil {
			return fmt.Errorf("list log days: %w", err)
		}
		days, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("list log days: %w", err)
		}
		return f(tx, days)
	})
}

func createDay(ctx context.Context, tx pgx.Tx, table string, day time.Time) error {
	_, err := tx.Exec(ctx, fmt.Sprintf(`
		CREATE TABLE %[1]s (LIKE log_chunks INCLUDING ALL);
		ALTER TABLE log_chunks ATTACH PARTITION %[1]s FOR VALUES FROM ('%[2]s') TO ('%[3]s')`,
		table, day.Format(time.DateOnly), day.AddDate(0, 0, 1).Format(time.DateOnly)))
	if err != nil {
		return fmt.Errorf("open the log day %s: %w", table, err)
	}
	return nil
}

// dropEmpty drops a former day when all its streams were dropped.
func dropEmpty(ctx context.Context, tx pgx.Tx, table string) error {
	var used bool
	name := pgx.Identifier{table}.Sanitize()
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+name+`)`).Scan(&used); err != nil {
		return fmt.Errorf("look into the log day %s: %w", table, err)
	}
	if used {
		return nil
	}
	if _, err := tx.Exec(ctx, `DROP TABLE `+name); err != nil {
		return fmt.Errorf("drop the log day %s: %w", table, err)
	}
	return nil
}
