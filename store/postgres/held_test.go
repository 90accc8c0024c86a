package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
)

// hold opens a transaction that has read tables, as a dump does, and leaves it open until release.
func hold(t *testing.T, dsn string, tables ...string) (release func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	release = func() { _ = conn.Close(context.Background()) }
	t.Cleanup(release)
	if _, err := conn.Exec(t.Context(), `BEGIN ISOLATION LEVEL REPEATABLE READ`); err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if _, err := conn.Exec(t.Context(), `SELECT count(*) FROM `+table); err != nil {
			t.Fatal(err)
		}
	}
	return release
}

// A transaction that is held open, such as a dump, keeps old history from being dropped. It
// fails no write, however much is written meanwhile; what is old goes when it is over.
func TestATransactionThatIsHeldOpenFailsNoWrite(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := openWith(t, postgres.Config{DSN: dsn}.Short(20, 40, 20, 100))
	ctx, ok := t.Context(), must(t)
	o := ok(s.Create(ctx, object("a")))
	for n := range 70 {
		o = ok(s.Update(ctx, changed(o, n+1, nil)))
	}
	release := hold(t, dsn, "objects", "changes")
	began := time.Now()
	for n := range 200 {
		o = ok(s.Update(ctx, changed(o, n+100, nil)))
	}
	t.Logf("200 writes beside a long transaction took %s", time.Since(began))
	const parts = `SELECT count(*) FROM pg_inherits WHERE inhparent = 'changes'::regclass`
	if n := count(t, dsn, parts); n < 10 {
		t.Fatalf("%d parts of the log of changes: the transaction was in nobody's way", n)
	}
	if l, err := s.List(ctx, kind, store.ListOptions{}); err != nil || len(l.Items) != 1 {
		t.Fatalf("listed %v, %v", l.Items, err)
	}
	release()
	eventually(t, "old history is dropped", func() bool { return count(t, dsn, parts) < 10 })
}

// Nor does it keep the first line of a day out of the logs.
func TestATransactionThatIsHeldOpenFailsNoLog(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := open(t, dsn)
	ctx, line := t.Context(), []byte("a line\n")
	if _, err := s.Logs().Append(ctx, "u1/build", 0, line); err != nil {
		t.Fatal(err)
	}
	// As if it had been another day until now.
	pgtest.Exec(t, dsn, `CREATE TABLE log_chunks_20010101 PARTITION OF log_chunks FOR VALUES FROM ('2001-01-01') TO ('2001-01-02')`)
	pgtest.Exec(t, dsn, `DO $$ BEGIN EXECUTE 'DROP TABLE log_chunks_' || to_char(current_date, 'YYYYMMDD'); END $$`)
	release := hold(t, dsn, "log_chunks")
	if _, err := s.Logs().Append(ctx, "u2/build", 0, line); err != nil {
		t.Fatal(err)
	}
	const former = `SELECT count(*) FROM pg_inherits WHERE inhparent = 'log_chunks'::regclass AND inhrelid = to_regclass('log_chunks_20010101')`
	if count(t, dsn, former) != 1 {
		t.Fatal("the former day is dropped: the transaction was in nobody's way")
	}
	release()
	pgtest.Exec(t, dsn, `DO $$ BEGIN EXECUTE 'DROP TABLE log_chunks_' || to_char(current_date, 'YYYYMMDD'); END $$`)
	if _, err := s.Logs().Append(ctx, "u3/build", 0, line); err != nil || count(t, dsn, former) != 0 {
		t.Fatalf("the former day is left, %v", err)
	}
}
