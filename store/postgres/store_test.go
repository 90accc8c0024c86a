package postgres_test

import (
	"testing"

	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
	"github.com/powernode/powernode/store/storetest"
)

// open opens a store that the test closes.
func open(t testing.TB, dsn string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestStore(t *testing.T) {
	storetest.Store(t, func(t *testing.T) store.Store { return open(t, pgtest.DSN(t)) })
}

// Two servers on one database are one store.
func TestTwoServersCount(t *testing.T) {
	dsn := pgtest.DSN(t)
	storetest.Counter(t, open(t, dsn), open(t, dsn))
}

func TestTwoServersListThenWatch(t *testing.T) {
	dsn := pgtest.DSN(t)
	storetest.ListThenWatch(t, open(t, dsn), open(t, dsn))
}
