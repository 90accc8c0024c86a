package postgres

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/store/backup"
)

// The tables that a backup has, in the order in which they are written. Of those of tablesLeftOut a
// restore makes what they must say (restore.go); a test holds that every table is in one of the lists.
var (
	tablesBackedUp = []string{"sealing_keys", "sealing_done", "objects", "versions", "audit", "audit_links", "audit_chain", "tasks"}
	tablesOfLogs   = []string{"logs", "log_chunks"}
	tablesLeftOut  = []string{
		"migrations", "counter",
		"changes", "history", // watches that are older than a restore expire
		"members", "slots", // who is at work is who has started since
	}
)

// BackupOptions say what goes into a backup.
type BackupOptions struct {
	Program  string // version of the program, for the header
	SkipLogs bool   // leave the logs of runs out
}

// Backup writes all that the schema of a database has, as it was at one revision, while servers go on
// writing; the header that it returns says at which. It needs no key: what is sealed stays sealed.
//
// It holds one REPEATABLE READ transaction, and a few pieces of rows in memory.
func Backup(ctx context.Context, dsn string, out io.Writer, o BackupOptions) (h backup.Header, err error) {
	conn, _, err := connectSchema(ctx, dsn)
	if err != nil {
		return h, err
	}
	defer hangUp(ctx, conn)
	steps, err := SchemaSteps(ctx, conn)
	if err != nil {
		return h, err
	}
	if err := refuseBackup(steps); err != nil {
		return h, err
	}
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, conn, snapshot, func(tx pgx.Tx) error {
		tables := append([]string(nil), tablesBackedUp...)
		if !o.SkipLogs {
			tables = append(tables, tablesOfLogs...)
		}
		if err := holdTables(ctx, tx, tables); err != nil {
			return err
		}
		if h, err = headerOf(ctx, tx, steps, o); err != nil {
			return err
		}
		return writeBackup(ctx, tx, out, h, tables)
	})
	return h, err
}

// oldestBackedUp is the first step whose tables a backup knows. Those of later steps than this
// program's it does not know; before a migration, the newer program can make the backup.
const oldestBackedUp = 6

// refuseBackup says why there can be no backup of a database that is at a step.
func refuseBackup(s Steps) error {
	switch {
	case s.At == 0:
		return errors.New("there is nothing to back up: the database has no tables of Powernode in its schema")
	case s.At > s.Newest:
		return fmt.Errorf("the database is of a newer version (step %d) than this program (step %d): use the newer program", s.At, s.Newest)
	case s.At < oldestBackedUp:
		return fmt.Errorf("the database is at step %d, backups are made from step %d on: run pnserver db migrate first", s.At, oldestBackedUp)
	}
	return nil
}

// holdTables keeps partitions from being dropped until the transaction ends; its snapshot is taken
// after that, as locking a table takes none. Who looks after the weeks of the audit log shall not queue up
// behind us, where it would hold up writers in turn: it stays away while we have its lock.
func holdTables(ctx context.Context, tx pgx.Tx, tables []string) error {
	if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL jit = off`); err != nil {
		return fmt.Errorf("begin the backup: %w", err)
	}
	if _, err := tx.Exec(ctx, `LOCK TABLE `+strings.Join(tables, ", ")+` IN ACCESS SHARE MODE`); err != nil {
		return fmt.Errorf("hold the tables: %w", err)
	}
	if _, err := tx.Exec(ctx, `SELECT pg_try_advisory_xact_lock_shared(hashtext('powernode audit weeks'), hashtext(current_schema()))`); err != nil {
		return fmt.Errorf("hold the audit log: %w", err)
	}
	return nil
}

// headerOf reads what the snapshot is of.
func headerOf(ctx context.Context, tx pgx.Tx, s Steps, o BackupOptions) (backup.Header, error) {
	h := backup.Header{Program: o.Program, Step: s.At, Logs: !o.SkipLogs}
	var head []byte
	err := tx.QueryRow(ctx, `
		SELECT counter.v, current_setting('server_version'), clock_timestamp(), c.last, c.head,
			ARRAY(SELECT encode(id, 'hex') FROM sealing_keys ORDER BY at, id)
		FROM counter, audit_chain c`).Scan(&h.Revision, &h.PostgreSQL, &h.At, &h.AuditLast, &head, &h.Keys)
	if err != nil {
		return h, fmt.Errorf("read what is backed up: %w", err)
	}
	h.AuditHead, h.At = hex.EncodeToString(head), h.At.UTC()
	if h.Weeks, err = partitionDays(ctx, tx, "audit"); err == nil && h.Logs {
		h.Days, err = partitionDays(ctx, tx, "log_chunks")
	}
	return h, err
}

// partitionDays are the dates that the partitions of a table are named by.
func partitionDays(ctx context.Context, tx pgx.Tx, table string) ([]string, error) {
	rows, err := tx.Query(ctx, `
		SELECT substring(c.relname FROM '_(\d{8})$') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = $1::regclass ORDER BY 1`, table)
	if err != nil {
		return nil, fmt.Errorf("list the partitions of %s: %w", table, err)
	}
	days, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list the partitions of %s: %w", table, err)
	}
	return days, nil
}

func writeBackup(ctx context.Context, tx pgx.Tx, out io.Writer, h backup.Header, tables []string) error {
	w, err := backup.NewWriter(out, h)
	if err != nil {
		return err
	}
	for _, table := range tables {
		if err := writeTable(ctx, tx, w, table); err != nil {
			return fmt.Errorf("back up table %s: %w", table, err)
		}
	}
	return w.Close()
}

// writeTable writes the rows of one table. Columns are named, so that a later version puts them where they belong.
func writeTable(ctx context.Context, tx pgx.Tx, w *backup.Writer, table string) error {
	rows, err := tx.Query(ctx, `
		SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`, table)
	if err != nil {
		return err
	}
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	if err := w.Table(backup.Table{Name: table, Columns: columns}); err != nil {
		return err
	}
	tag, err := tx.Conn().PgConn().CopyTo(ctx, w, fmt.Sprintf(`COPY (SELECT %s FROM %s) TO STDOUT (FORMAT binary)`, quoted(columns), quoted([]string{table})))
	if err != nil {
		return err
	}
	return w.End(tag.RowsAffected())
}

// quoted are names as SQL takes them, separated by commas.
func quoted(names []string) string {
	var all []string
	for _, name := range names {
		all = append(all, pgx.Identifier{name}.Sanitize())
	}
	return strings.Join(all, ", ")
}
