package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
	"github.com/powernode/powernode/store/storetest"
)

// behind is a store behind a pooler that lends out its sessions.
func behind(t testing.TB) postgres.Config {
	t.Helper()
	pooled, direct := pgtest.Pooled(t)
	return postgres.Config{DSN: pooled, ListenDSN: direct}
}

// openPooled opens a store behind a pooler that lends out its sessions.
func openPooled(t testing.TB) *postgres.Store {
	t.Helper()
	return openWith(t, behind(t))
}

func TestStoreBehindAPooler(t *testing.T) {
	storetest.Store(t, func(t *testing.T) store.Store { return openPooled(t) })
}

func TestAuditBehindAPooler(t *testing.T) {
	storetest.Audit(t, func(t *testing.T) store.Store { return openPooled(t) }, logOf)
}

func TestTasksBehindAPooler(t *testing.T) {
	storetest.Tasks(t, lease, func(t *testing.T) store.Tasks { return openWith(t, behind(t).Lease(lease)).Tasks() })
}

func TestLogsBehindAPooler(t *testing.T) {
	storetest.Logs(t, func(t *testing.T) store.Logs { return openPooled(t).Logs() })
}

func TestFencesBehindAPooler(t *testing.T) {
	storetest.Fences(t, func(t *testing.T) (store.Store, func(string), func(string)) {
		s := openPooled(t)
		return s, func(m string) { join(t, s.DirectDSN(), m) }, func(m string) { leave(t, s.DirectDSN(), m) }
	})
}

func TestMembersBehindAPooler(t *testing.T) {
	members(t, func(t *testing.T) postgres.Config { return behind(t) })
}

// What manages a database works through the pooler as well: backups, restores, the rotation of keys.
func TestToolsBehindAPooler(t *testing.T) {
	file := keyFile(t)
	config, into := behind(t), behind(t)
	for _, c := range []*postgres.Config{&config, &into} {
		sealed := sealing(c.DSN, file)
		sealed.ListenDSN = c.ListenDSN
		*c = sealed
	}
	everythingComesBack(t, config, into)
	keys := openKeys(t, into)
	if r, err := keys.Rotate(t.Context()); err != nil || len(r.Bad) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	status, err := postgres.ReadStatus(t.Context(), into.DSN)
	if err != nil || status.Step != status.Newest {
		t.Fatalf("%+v, %v", status, err)
	}
}

// Without an address that leads around the pooler a store would hear nothing, and is not opened.
func TestAPoolerAtTheListenersAddressIsRefused(t *testing.T) {
	pooled, direct := pgtest.Pooled(t)
	schema := pgtest.DSN(t)
	database, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	query := database.Query()
	query.Set("dbname", "template1")
	database.Path, database.RawQuery = "/", query.Encode()
	for what, c := range map[string]struct {
		config postgres.Config
		want   error
	}{
		"no address to listen at": {postgres.Config{DSN: pooled}, postgres.ErrPooled},
		"the pooler itself":       {postgres.Config{DSN: direct, ListenDSN: pooled}, postgres.ErrPooled},
		"another database":        {postgres.Config{DSN: direct, ListenDSN: database.String()}.Hear(time.Second), postgres.ErrDeaf},
		"another schema":          {postgres.Config{DSN: direct, ListenDSN: schema}, nil},
	} {
		s, err := postgres.Open(t.Context(), c.config)
		if err == nil {
			s.Close()
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A pooler that keeps sessions is as good as none.
func TestAPoolerThatKeepsSessionsIsTaken(t *testing.T) {
	sessions, direct := pgtest.Sessions(t)
	s := openWith(t, postgres.Config{DSN: sessions})
	must(t)(s.Create(t.Context(), object("a")))
	two := openWith(t, postgres.Config{DSN: direct, ListenDSN: sessions})
	must(t)(two.Create(t.Context(), object("b")))
	eventually(t, "both listen", func() bool { return s.Ready(t.Context()) == nil && two.Ready(t.Context()) == nil })
}

// Sessions that are lent are given back as they were: other programs have them next.
func TestNothingIsLeftInSessionsOfAPooler(t *testing.T) {
	config := behind(t)
	s := openWith(t, config)
	a := must(t)(s.Create(t.Context(), object("a")))
	must(t)(s.Update(t.Context(), changed(a, 1, nil)))
	const changedSettings = `SELECT count(*) FROM pg_settings WHERE source = 'session' AND name IN
		('jit', 'enable_seqscan', 'enable_hashjoin', 'enable_mergejoin', 'plan_cache_mode')`
	for range 3 { // as many as the pooler has
		conn, err := pgx.Connect(t.Context(), config.DSN+"&default_query_exec_mode=exec")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var left int
		if err := tx.QueryRow(t.Context(), changedSettings).Scan(&left); err != nil || left != 0 {
			t.Fatalf("%d settings are left, %v", left, err)
		}
		var prepared int
		if err := tx.QueryRow(t.Context(), `SELECT count(*) FROM pg_prepared_statements`).Scan(&prepared); err != nil || prepared != 0 {
			t.Fatalf("%d prepared statements are left, %v", prepared, err)
		}
	}
}
