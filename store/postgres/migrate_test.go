package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
)

// Every migration can be taken back, and made again.
func TestMigrationsGoBothWays(t *testing.T) {
	dsn := pgtest.DSN(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for range 2 {
		open(t, dsn).Close() // makes partitions too
		if _, err := postgres.Rollback(t.Context(), conn, 0); err != nil {
			t.Fatal(err)
		}
		if n := count(t, dsn, `SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()`); n != 1 {
			t.Fatalf("%d tables are left beside that of migrations", n-1)
		}
	}
}

// schemaSQL describes all that the migrations make, a line each, without what numbers itself.
const schemaSQL = `
SELECT string_agg(line, E'\n' ORDER BY line) FROM (
	SELECT concat_ws(' ', c.relname, c.relkind, c.reloptions, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid)) AS line
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
	WHERE c.relnamespace = current_schema()::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
	UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace)
	UNION ALL SELECT conrelid::regclass || conname || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = current_schema()::regnamespace
	UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace)
	UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
) lines`

// Each step leads to one schema, whether it is come to from below or, after a step back, again; and
// a step back leads to the schema of the step below.
func TestEachMigrationsWayBackIsItsOpposite(t *testing.T) {
	dsn := pgtest.DSN(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	look := func() (text string) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), schemaSQL).Scan(&text); err != nil {
			t.Fatal(err)
		}
		return text
	}
	move := func(to int) string {
		t.Helper()
		if err := postgres.MigrateTo(t.Context(), conn, to); err != nil {
			t.Fatal(err)
		}
		if _, err := postgres.Rollback(t.Context(), conn, to); err != nil {
			t.Fatal(err)
		}
		return look()
	}
	steps, err := postgres.SchemaSteps(t.Context(), conn)
	if err != nil || steps.Newest < 6 || len(steps.Pending) != steps.Newest {
		t.Fatalf("the steps are %+v, %v", steps, err)
	}
	below := move(0)
	for n := 1; n <= steps.Newest; n++ {
		first := move(n)
		if first == below {
			t.Errorf("step %d changes nothing that this test sees", n)
		}
		if back := move(n - 1); back != below {
			t.Errorf("the way back from step %d leaves\n%s\nnot\n%s", n, back, below)
		}
		if again := move(n); again != first {
			t.Errorf("step %d made again is\n%s\nnot\n%s", n, again, first)
		}
		below = first
	}
}

// A program that may not migrate says what is missing, and what to do.
func TestAnOlderDatabaseIsRefusedWhereItMayNotBeMigrated(t *testing.T) {
	dsn := pgtest.DSN(t)
	config := postgres.Config{DSN: dsn, Unmigrated: true}
	if _, err := postgres.Open(t.Context(), config); err == nil || !strings.Contains(err.Error(), "older version (step 0)") || !strings.Contains(err.Error(), "db migrate") {
		t.Fatalf("opened: %v", err)
	}
	if n := count(t, dsn, `SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()`); n != 0 {
		t.Fatalf("%d tables were made", n)
	}
	open(t, dsn).Close()
	openWith(t, config)
	pgtest.Exec(t, dsn, `INSERT INTO migrations VALUES (9999, 'future', now())`)
	if _, err := postgres.Open(t.Context(), config); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Fatalf("opened: %v", err)
	}
}

// A reset leaves an empty database, whose revisions do not begin again.
func TestAResetBeginsAnotherLife(t *testing.T) {
	config := sealing(pgtest.DSN(t), keyFile(t))
	s := openWith(t, config)
	must(t)(s.Create(t.Context(), secret("a", "x")))
	conn, err := pgx.Connect(t.Context(), config.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := postgres.Reset(t.Context(), conn, false); !errors.Is(err, postgres.ErrNotEmpty) || !strings.Contains(err.Error(), "1 objects") {
		t.Fatalf("reset: %v", err)
	}
	s.Close()
	if was, err := postgres.Reset(t.Context(), conn, true); err != nil || was.Objects != 1 {
		t.Fatalf("reset %v, %v", was, err)
	}
	if was, err := postgres.Reset(t.Context(), conn, false); err != nil || was.Revision < 1e15 {
		t.Fatalf("reset what is empty: %v, %v", was, err)
	}
	s = openWith(t, config)
	if l, err := s.List(t.Context(), "Secret", store.ListOptions{}); err != nil || len(l.Items) != 0 || l.Revision < 1e15 {
		t.Fatalf("listed %v, %v", l, err)
	}
	if _, err := tell(t, s, 1, store.WatchOptions{}, 1); !errors.Is(err, api.ErrExpired) {
		t.Fatalf("a watch from before: %v", err)
	}
}

// A program that is older than the database keeps its hands off.
func TestANewerDatabaseIsRefused(t *testing.T) {
	dsn := pgtest.DSN(t)
	open(t, dsn).Close()
	pgtest.Exec(t, dsn, `INSERT INTO migrations VALUES (9999, 'future', now())`)
	_, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn})
	if err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Fatalf("opened: %v", err)
	}
}
