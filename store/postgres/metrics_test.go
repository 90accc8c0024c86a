package postgres_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
)

// value is a metric of a registry, by the value of its only label if it has one.
func value(t testing.TB, r prometheus.Gatherer, name, label string) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			if f.GetName() == name && (label == "" || m.Label[0].GetValue() == label) {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("there is no %s %s", name, label)
	return 0
}

// The metrics tell what waits, what the memory lacks, and what became of the writes.
func TestMetricsTellOfQueueLagAndOutcomes(t *testing.T) {
	dsn, r := pgtest.DSN(t), prometheus.NewRegistry()
	s := openWith(t, postgres.Config{DSN: dsn, Registerer: r})
	is := func(name string, want float64) func() bool {
		return func() bool { return value(t, r, "powernode_store_"+name, "") == want }
	}
	eventually(t, "it is ready", is("ready", 1))
	a := must(t)(s.Create(t.Context(), object("a")))
	must(t)(s.Update(t.Context(), changed(a, 1, nil)))
	if _, err := s.Update(t.Context(), changed(a, 2, nil)); !errors.Is(err, api.ErrConflict) {
		t.Fatal(err)
	}
	if ok := value(t, r, "powernode_store_writes_total", "ok"); ok != 2 {
		t.Errorf("%v writes were ok", ok)
	}

	hold := func(statement string) (release func()) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), `BEGIN; `+statement); err != nil {
			t.Fatal(err)
		}
		return func() { conn.Close(t.Context()) }
	}
	release := hold(`SELECT FROM counter FOR UPDATE`)
	done := make(chan error, 3)
	for _, name := range []string{"x", "y", "z"} {
		go func() { _, err := s.Create(t.Context(), object(name)); done <- err }()
	}
	eventually(t, "writes wait", func() bool { return value(t, r, "powernode_store_queued_writes", "") >= 2 })
	release()
	for range 3 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "none waits", is("queued_writes", 0))

	other := open(t, dsn)
	release = hold(`LOCK TABLE history IN ACCESS EXCLUSIVE MODE`) // nobody can read the log of changes
	must(t)(other.Create(t.Context(), object("elsewhere")))
	eventually(t, "the memory lags", is("watch_cache_lag_revisions", 1))
	eventually(t, "the memory is old", func() bool { return value(t, r, "powernode_store_watch_cache_age_seconds", "") > 2 })
	release()
	eventually(t, "the memory has all", is("watch_cache_lag_revisions", 0))
	eventually(t, "the memory is fresh", func() bool { return value(t, r, "powernode_store_watch_cache_age_seconds", "") < 2 })
}
