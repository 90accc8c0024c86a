package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migration is one numbered step of the schema, and the way back.
type migration struct {
	number   int
	name     string
	up, down string
}

// Migrate brings the schema that conn works in (the first of its search_path) to
// this version, and names the steps that it took. Servers that start together take turns. A database of a newer version is refused.
func Migrate(ctx context.Context, conn *pgx.Conn) (taken []string, err error) {
	err = migrating(ctx, conn, func(tx pgx.Tx, steps []migration, at int) error {
		if err := refuseNewer(steps, at); err != nil {
			return err
		}
		taken, err = climb(ctx, tx, steps, at, newestOf(steps))
		return err
	})
	return taken, err
}

// Rollback takes back the latest migrations down to, not including, number to, and names them. What they kept is lost.
func Rollback(ctx context.Context, conn *pgx.Conn, to int) (taken []string, err error) {
	err = migrating(ctx, conn, func(tx pgx.Tx, steps []migration, at int) error {
		if err := refuseNewer(steps, at); err != nil {
			return err
		}
		taken, err = descend(ctx, tx, steps, at, to)
		return err
	})
	return taken, err
}

func newestOf(steps []migration) int { return steps[len(steps)-1].number }

func refuseNewer(steps []migration, at int) error {
	if newest := newestOf(steps); at > newest {
		return fmt.Errorf("the database is of a newer version (step %d) than this program (step %d): use the newer program", at, newest)
	}
	return nil
}

// climb takes the steps after at, up to and with number to.
func climb(ctx context.Context, tx pgx.Tx, steps []migration, at, to int) (taken []string, err error) {
	for _, step := range steps {
		if step.number <= at || step.number > to {
			continue
		}
		if _, err := tx.Exec(ctx, step.up); err != nil {
			return taken, fmt.Errorf("migration %s: %w", step.name, err)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO migrations (number, name, at) VALUES ($1, $2, now())`, step.number, step.name); err != nil {
			return taken, fmt.Errorf("note migration %s: %w", step.name, err)
		}
		taken = append(taken, step.name)
	}
	return taken, nil
}

// descend takes the steps back from at, down to but not including number to.
func descend(ctx context.Context, tx pgx.Tx, steps []migration, at, to int) (taken []string, err error) {
	for _, step := range slices.Backward(steps) {
		if step.number <= to || step.number > at {
			continue
		}
		if _, err := tx.Exec(ctx, step.down); err != nil {
			return taken, fmt.Errorf("take back migration %s: %w", step.name, err)
		}
		if _, err := tx.Exec(ctx, `DELETE FROM migrations WHERE number = $1`, step.number); err != nil {
			return taken, fmt.Errorf("note the way back from %s: %w", step.name, err)
		}
		taken = append(taken, step.name)
	}
	return taken, nil
}

// migrating runs f in a transaction that no other server can be in at the same time.
func migrating(ctx context.Context, conn *pgx.Conn, f func(tx pgx.Tx, steps []migration, at int) error) error {
	steps, err := readMigrations()
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('powernode migrations'), hashtext(current_schema()))`); err != nil {
			return fmt.Errorf("lock migrations: %w", err)
		}
		if _, err := tx.Exec(ctx, `CREATE TABLE IF NOT EXISTS migrations (number integer PRIMARY KEY, name text NOT NULL, at timestamptz NOT NULL)`); err != nil {
			return fmt.Errorf("table of migrations: %w", err)
		}
		var at int
		if err := tx.QueryRow(ctx, `SELECT coalesce(max(number), 0) FROM migrations`).Scan(&at); err != nil {
			return fmt.Errorf("read migrations: %w", err)
		}
		return f(tx, steps, at)
	})
}

// readMigrations reads the embedded files, by number.
func readMigrations() ([]migration, error) {
	ups, err := fs.Glob(migrations, "migrations/*.up.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(ups)
	var steps []migration
	for _, path := range ups {
		name := strings.TrimSuffix(strings.TrimPrefix(path, "migrations/"), ".up.sql")
		digits, _, _ := strings.Cut(name, "_")
		number, err := strconv.Atoi(digits)
		if err != nil {
			return nil, fmt.Errorf("migration %s has no number: %w", path, err)
		}
		up, err := migrations.ReadFile(path)
		if err != nil {
			return nil, err
		}
		down, err := migrations.ReadFile("migrations/" + name + ".down.sql")
		if err != nil {
			return nil, fmt.Errorf("migration %s has no way back: %w", name, err)
		}
		steps = append(steps, migration{number, name, string(up), string(down)})
	}
	return steps, nil
}
