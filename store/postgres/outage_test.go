package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
)

// long is how long anything may take before a test gives up.
const long = 30 * time.Second

// count asks the database itself.
func count(t testing.TB, dsn, query string, args ...any) (n int64) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(long); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came that %s", what)
		}
	}
}

// kill ends the connections of a store of one sort, and tells how many.
func kill(t testing.TB, s *postgres.Store, sort string) int64 {
	t.Helper()
	return count(t, s.DirectDSN(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1`, s.ID()+" "+sort)
}

// Connections that break in the middle cost no write, count none twice and hide none from a watch.
func TestLostConnectionsLoseNothing(t *testing.T) {
	lostConnectionsLoseNothing(t, postgres.Config{DSN: pgtest.DSN(t)})
}

func TestLostConnectionsBehindAPoolerLoseNothing(t *testing.T) {
	pooled, direct := pgtest.Pooled(t)
	lostConnectionsLoseNothing(t, postgres.Config{DSN: pooled, ListenDSN: direct})
}

func lostConnectionsLoseNothing(t *testing.T, config postgres.Config) {
	one, two := openWith(t, config), openWith(t, config)
	ctx, cancel := context.WithTimeout(t.Context(), 4*long)
	defer cancel()
	const writers, times = 4, 100
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			o, err := one.Create(ctx, object(fmt.Sprint("w", w)))
			for n := 1; n < times && err == nil; n++ {
				o, err = one.Update(ctx, changed(o, n, nil))
			}
			if err != nil {
				t.Errorf("writer %d: %v", w, err)
			}
		})
	}
	killed := make(chan int64)
	done := make(chan struct{})
	go func() {
		n := int64(0)
		for {
			select {
			case <-done:
				killed <- n
				return
			case <-time.After(20 * time.Millisecond):
				n += kill(t, one, "writer") + kill(t, one, "listener") + kill(t, two, "listener")
			}
		}
	}()
	seen := map[string]store.Revision{}
	told := 0
	for e, err := range two.Watch(ctx, kind, 0, store.WatchOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Revision <= seen[e.Object.Name] {
			t.Fatalf("%s at %d after %d", e.Object.Name, e.Revision, seen[e.Object.Name])
		}
		seen[e.Object.Name] = e.Revision
		if told++; told == writers*times {
			break
		}
	}
	close(done)
	if n := <-killed; n == 0 {
		t.Fatal("no connection was killed")
	}
	group.Wait()
	for w := range writers {
		o, err := two.Get(ctx, object(fmt.Sprint("w", w)).Key())
		if err != nil || o.Generation != times || string(o.Spec) != fmt.Sprintf(`{"n":%d}`, times-1) {
			t.Fatalf("writer %d left %v, %v", w, o, err)
		}
	}
}

// While PostgreSQL is away writes and reads fail and say so; afterwards all goes on, watches included.
func TestAStopOfPostgresIsSurvived(t *testing.T) {
	aStopIsSurvived(t, func(dsn string) postgres.Config { return postgres.Config{DSN: dsn} })
}

func TestAStopOfPostgresBehindAPoolerIsSurvived(t *testing.T) {
	t.Parallel() // as the pooler takes its time to give up
	aStopIsSurvived(t, func(dsn string) postgres.Config {
		return postgres.Config{DSN: pgtest.Before(t, dsn), ListenDSN: dsn}
	})
}

func aStopIsSurvived(t *testing.T, config func(dsn string) postgres.Config) {
	if testing.Short() {
		t.Skip("needs PostgreSQL")
	}
	dir := t.TempDir()
	server, err := postgres.StartPrivate(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := openWith(t, config(server.DSN()))
	ctx, ok := t.Context(), must(t)
	a := ok(s.Create(ctx, object("a")))
	events := make(chan store.Event)
	go func() {
		defer close(events)
		for e, err := range s.Watch(ctx, kind, 0, store.WatchOptions{}) {
			if err != nil {
				return
			}
			select {
			case events <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	<-events
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, 3*long)
	defer cancel()
	// The first may have been on its way when the connection broke.
	if _, err := s.Create(short, object("b")); !errors.Is(err, api.ErrUnavailable) && !errors.Is(err, api.ErrUnknownOutcome) {
		t.Fatalf("a write as PostgreSQL goes: %v", err)
	}
	if _, err := s.Create(short, object("b")); !errors.Is(err, api.ErrUnavailable) || short.Err() != nil {
		t.Fatalf("a write while PostgreSQL is away: %v", err)
	}
	if _, err := s.Get(short, a.Key()); !errors.Is(err, api.ErrUnavailable) || short.Err() != nil {
		t.Fatalf("a read while PostgreSQL is away: %v", err)
	}
	if _, err := s.Tasks().Of(short, "u1"); !errors.Is(err, api.ErrUnavailable) {
		t.Fatalf("the tasks while PostgreSQL is away: %v", err)
	}
	if _, err := s.Logs().Append(short, "u1/build", 0, []byte("x")); !errors.Is(err, api.ErrUnavailable) {
		t.Fatalf("a log while PostgreSQL is away: %v", err)
	}
	if s.Ready(ctx) == nil {
		t.Fatal("ready without PostgreSQL")
	}
	if server, err = postgres.StartPrivate(ctx, dir, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
		os.RemoveAll(server.Home()) // may lie elsewhere
	})
	eventually(t, "the store is ready again", func() bool { return s.Ready(ctx) == nil })
	ok(s.Create(ctx, object("c")))
	if e := <-events; e.Object.Name != "c" {
		t.Fatalf("the watch tells %v", e)
	}
	same := ok(s.Get(ctx, a.Key()))
	if same.UID != a.UID {
		t.Fatalf("read %v", same)
	}
}

// In the steady state nothing is written: not by watches, waiting runners, readers of
// logs, elections or the looks that are taken every now and then.
func TestNothingIsWrittenWhileNothingChanges(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := openWith(t, postgres.Config{DSN: dsn}.Lease(time.Second))
	second := openWith(t, postgres.Config{DSN: dsn}.Lease(time.Second))
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	must(t)(s.Create(ctx, object("a")))
	idle(ctx, &group, s)
	idle(ctx, &group, second)
	// Of every row that there is, who wrote it last and where it lies: unlike PostgreSQL's statistics this is never late.
	const written = `SELECT hashtextextended(string_agg(query_to_xml(
			format('SELECT count(*), sum(xmin::text::bigint), max(ctid) FROM %I', tablename), false, false, '')::text, '' ORDER BY tablename), 0)
		FROM pg_tables WHERE schemaname = current_schema()`
	before := settled(t, func() int64 { return count(t, dsn, written) })
	time.Sleep(4 * time.Second) // several looks of everybody
	if after := settled(t, func() int64 { return count(t, dsn, written) }); after != before {
		t.Fatal("rows were written")
	}
	// The measure itself works.
	must(t)(s.Create(ctx, object("b")))
	eventually(t, "a write is counted", func() bool { return count(t, dsn, written) != before })
}

// idle keeps everything waiting that can wait.
func idle(ctx context.Context, group *sync.WaitGroup, s *postgres.Store) {
	group.Go(func() {
		for range s.Watch(ctx, kind, 0, store.WatchOptions{Progress: 100 * time.Millisecond}) {
		}
	})
	group.Go(func() { _, _ = s.Tasks().Lease(ctx, claim("r")) })
	group.Go(func() { _ = s.Tasks().Changes(ctx, func(api.Key) {}) })
	group.Go(func() { _, _, _ = s.Logs().Read(ctx, "s", 0, 1, time.Hour) })
	if m, err := s.Members().Join(ctx, "member"); err == nil {
		_ = m.Claim(ctx, []int{1, 2, 3})
	}
}

// settled waits until a count has stood still for a while.
func settled(t *testing.T, count func() int64) int64 {
	t.Helper()
	last, since := count(), time.Now()
	for end := time.Now().Add(long); time.Since(since) < 1500*time.Millisecond; time.Sleep(100 * time.Millisecond) {
		if n := count(); n != last {
			last, since = n, time.Now()
		}
		if time.Now().After(end) {
			t.Fatal("there is no rest")
		}
	}
	return last
}
