package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/store"
)

// Steps says how far a database has come, and changes nothing.
type Steps struct {
	At, Newest int      // numbers of migrations: of the database, and of this program
	Name       string   // of the step the database is at; "" when it has no tables yet
	Pending    []string // names of the steps that this program would take
}

// SchemaSteps reads how far the schema of conn has come.
func SchemaSteps(ctx context.Context, conn *pgx.Conn) (s Steps, err error) {
	steps, err := readMigrations()
	if err != nil {
		return s, err
	}
	s.Newest = newestOf(steps)
	var there bool
	if err := conn.QueryRow(ctx, `SELECT to_regclass('migrations') IS NOT NULL`).Scan(&there); err != nil {
		return s, fmt.Errorf("read migrations: %w", err)
	}
	if there {
		err := conn.QueryRow(ctx, `SELECT number, name FROM migrations ORDER BY number DESC LIMIT 1`).Scan(&s.At, &s.Name)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return s, fmt.Errorf("read migrations: %w", err)
		}
	}
	for _, step := range steps {
		if step.number > s.At {
			s.Pending = append(s.Pending, step.name)
		}
	}
	return s, nil
}

// refusePending is the error of a program that may not migrate, on tables that are not of its version.
func refusePending(ctx context.Context, conn *pgx.Conn) error {
	s, err := SchemaSteps(ctx, conn)
	switch {
	case err != nil:
		return err
	case s.At > s.Newest:
		return fmt.Errorf("the database is of a newer version (step %d) than this program (step %d): use the newer program", s.At, s.Newest)
	case len(s.Pending) > 0:
		return fmt.Errorf("the database is of an older version (step %d) than this program (step %d): run pnserver db migrate first (it lacks %s)",
			s.At, s.Newest, strings.Join(s.Pending, ", "))
	}
	return nil
}

// Contents is what is lost when a database is reset.
type Contents struct {
	Objects, Records int64 // objects, audit records
	Revision         store.Revision
}

// Empty reports whether nothing is lost.
func (c Contents) Empty() bool { return c.Objects == 0 && c.Records == 0 }

// String says what there is.
func (c Contents) String() string {
	return fmt.Sprintf("%d objects and %d audit records, at revision %d", c.Objects, c.Records, c.Revision)
}

// contents looks at what a schema has whose tables are at a step.
func contents(ctx context.Context, tx pgx.Tx, at int) (c Contents, err error) {
	if at < 1 {
		return c, nil
	}
	err = tx.QueryRow(ctx, `SELECT v, (SELECT count(*) FROM objects) FROM counter`).Scan(&c.Revision, &c.Objects)
	if err == nil && at >= stepAudit {
		err = tx.QueryRow(ctx, `SELECT count(*) FROM audit`).Scan(&c.Records)
	}
	if err != nil {
		return c, fmt.Errorf("look what there is: %w", err)
	}
	return c, nil
}

// stepAudit is the migration that brought the audit log.
const stepAudit = 4

// ErrNotEmpty refuses to destroy what there is.
var ErrNotEmpty = errors.New("the database is not empty")

// clearTables drops all tables, if nothing is in them or it is meant.
func clearTables(ctx context.Context, tx pgx.Tx, steps []migration, at int, meant bool) (Contents, error) {
	if err := refuseNewer(steps, at); err != nil {
		return Contents{}, err
	}
	c, err := contents(ctx, tx, at)
	if err != nil {
		return c, err
	}
	if !c.Empty() && !meant {
		return c, fmt.Errorf("%w: it has %s", ErrNotEmpty, c)
	}
	if at >= 1 { // the way back is refused where it would make sealed objects unreadable: now none is to be left
		if _, err := tx.Exec(ctx, `TRUNCATE objects`); err != nil {
			return c, fmt.Errorf("remove the objects: %w", err)
		}
	}
	_, err = descend(ctx, tx, steps, at, 0)
	return c, err
}

// Reset drops all tables with all that is in them, and makes them anew, in one transaction; watches
// from before get Expired. What is not empty is refused with ErrNotEmpty unless it is meant. The servers are to be stopped first.
func Reset(ctx context.Context, conn *pgx.Conn, meant bool) (was Contents, err error) {
	err = migrating(ctx, conn, func(tx pgx.Tx, steps []migration, at int) error {
		if was, err = clearTables(ctx, tx, steps, at, meant); err != nil {
			return err
		}
		if _, err = climb(ctx, tx, steps, 0, newestOf(steps)); err != nil {
			return err
		}
		_, err = moveBeyond(ctx, tx, was.Revision)
		return err
	})
	return was, err
}
