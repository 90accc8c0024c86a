package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/backup"
	"github.com/powernode/powernode/store/seal"
)

// RestoreOptions say how a backup is brought back.
type RestoreOptions struct {
	Replace bool        // drop what the database has; else only an empty one is taken
	Keys    seal.Source // must have the keys that the backup's secrets are sealed with
}

// Restored is what a restore has done.
type Restored struct {
	backup.Header
	Replaced Contents         // what was there before
	Rows     map[string]int64 // that were brought back, by table
	Begins   store.Revision   // where the revisions go on
}

// Restore brings a backup into the schema of a database, in one transaction: either
// everything is there in the end, or nothing has changed, and it can be begun again.
//
// Objects keep their UIDs and resourceVersions, records their numbers. The next revision lies beyond all that
// can have been handed out since the backup was made (moveBeyond), and the history begins there, so
// that a watch or a list of a former revision is told that it has expired.
func Restore(ctx context.Context, dsn string, in io.Reader, o RestoreOptions) (Restored, error) {
	file, h, err := backup.NewReader(in)
	if err != nil {
		return Restored{}, err
	}
	conn, schema, err := connectSchema(ctx, dsn)
	if err != nil {
		return Restored{}, err
	}
	defer hangUp(ctx, conn)
	r := &restorer{file: file, options: o, done: Restored{Header: h, Rows: map[string]int64{}}}
	err = migrating(ctx, conn, func(tx pgx.Tx, steps []migration, at int) error {
		r.tx = tx
		return r.restore(ctx, steps, at, channelOf(schema))
	})
	if err != nil {
		return Restored{}, err
	}
	if _, err := conn.Exec(ctx, `ANALYZE objects, versions, audit, audit_links, tasks`); err != nil {
		return r.done, fmt.Errorf("the backup was restored, but its tables were not analyzed: %w", err)
	}
	return r.done, nil
}

// restorer brings one backup back.
type restorer struct {
	file    *backup.Reader
	tx      pgx.Tx
	options RestoreOptions
	done    Restored
}

func (r *restorer) restore(ctx context.Context, steps []migration, at int, channel string) (err error) {
	step, newest := r.done.Step, newestOf(steps)
	if step > newest {
		return fmt.Errorf("the backup is of a newer version (step %d) than this program (step %d): use the newer program", step, newest)
	}
	if _, err := r.tx.Exec(ctx, `SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0`); err != nil {
		return fmt.Errorf("begin to restore: %w", err)
	}
	if r.done.Replaced, err = clearTables(ctx, r.tx, steps, at, r.options.Replace); err != nil {
		return err
	}
	// The tables first become those of the backup's version; what it has then goes the way of all data.
	if _, err := climb(ctx, r.tx, steps, 0, step); err != nil {
		return err
	}
	if err := r.fill(ctx); err != nil {
		return err
	}
	if r.done.Begins, err = moveBeyond(ctx, r.tx, max(store.Revision(r.done.Revision), r.done.Replaced.Revision)); err != nil {
		return err
	}
	if _, err := climb(ctx, r.tx, steps, step, newest); err != nil {
		return err
	}
	if err := r.note(ctx); err != nil {
		return err
	}
	_, err = r.tx.Exec(ctx, `SELECT pg_notify($1, 'r' || $2::text)`, channel, fmt.Sprint(r.done.Begins))
	return err
}

// fill brings back what the file has, up to its verified end.
func (r *restorer) fill(ctx context.Context) error {
	if err := r.makePartitions(ctx); err != nil {
		return err
	}
	for {
		table, err := r.file.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := r.table(ctx, table); err != nil {
			return fmt.Errorf("restore table %s: %w", table.Name, err)
		}
	}
	for _, table := range tablesBackedUp {
		if _, there := r.done.Rows[table]; !there {
			return fmt.Errorf("%w: it has no table %s", backup.ErrDamaged, table)
		}
	}
	if err := r.checkSealed(ctx); err != nil {
		return err
	}
	_, err := r.tx.Exec(ctx, `SELECT setval(pg_get_serial_sequence('tasks', 'seq'), (SELECT coalesce(max(seq), 0) + 1 FROM tasks), false)`)
	if err != nil {
		return fmt.Errorf("restore the order of tasks: %w", err)
	}
	return nil
}

// makePartitions makes those that the rows need.
func (r *restorer) makePartitions(ctx context.Context) error {
	for _, text := range r.done.Weeks {
		week, err := time.Parse("20060102", text)
		if err != nil {
			return fmt.Errorf("%w: %q is no week", backup.ErrDamaged, text)
		}
		for _, table := range []string{"audit", "audit_links"} {
			if err := createWeek(ctx, r.tx, table, week); err != nil {
				return err
			}
		}
	}
	for _, text := range r.done.Days {
		day, err := time.Parse("20060102", text)
		if err != nil {
			return fmt.Errorf("%w: %q is no day", backup.ErrDamaged, text)
		}
		if err := createDay(ctx, r.tx, "log_chunks_"+text, day); err != nil {
			return err
		}
	}
	return nil
}

// table brings the rows of one table back.
func (r *restorer) table(ctx context.Context, t backup.Table) error {
	if !slices.Contains(tablesBackedUp, t.Name) && !slices.Contains(tablesOfLogs, t.Name) {
		return fmt.Errorf("no backup has it")
	}
	into := t.Name
	if t.Name == "audit_chain" { // has its one row already, which may only be changed
		into = "restored_chain"
		if _, err := r.tx.Exec(ctx, `CREATE TEMPORARY TABLE restored_chain (LIKE audit_chain) ON COMMIT DROP`); err != nil {
			return err
		}
	}
	tag, err := r.tx.Conn().PgConn().CopyFrom(ctx, r.file.Rows(), fmt.Sprintf(`COPY %s (%s) FROM STDIN (FORMAT binary)`, quoted([]string{into}), quoted(t.Columns)))
	if err != nil {
		return err
	}
	if got, want := tag.RowsAffected(), r.file.Count(); got != want {
		return fmt.Errorf("%w: %d of %d rows", backup.ErrDamaged, got, want)
	}
	r.done.Rows[t.Name] = tag.RowsAffected()
	switch t.Name {
	case "audit_chain":
		_, err = r.tx.Exec(ctx, fmt.Sprintf(`UPDATE audit_chain SET (%[1]s) = (SELECT %[1]s FROM restored_chain)`, quoted(t.Columns)))
	case "sealing_keys":
		err = r.learnKeys(ctx)
	}
	return err
}
