package postgres_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

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
		if err := postgres.Rollback(t.Context(), conn, 0); err != nil {
			t.Fatal(err)
		}
		if n := count(t, dsn, `SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()`); n != 1 {
			t.Fatalf("%d tables are left beside that of migrations", n-1)
		}
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
