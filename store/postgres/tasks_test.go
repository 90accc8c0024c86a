package postgres_test

import (
	"testing"
	"time"

	"github.com/powernode/powernode/api/runner"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
	"github.com/powernode/powernode/store/storetest"
)

// lease is short, but long enough for a busy machine.
const lease = 2 * time.Second

// openWith opens a store of a special configuration.
func openWith(t testing.TB, config postgres.Config) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestTasks(t *testing.T) {
	storetest.Tasks(t, lease, func(t *testing.T) store.Tasks {
		return openWith(t, postgres.Config{DSN: pgtest.DSN(t)}.Lease(lease)).Tasks()
	})
}

func TestLogs(t *testing.T) {
	storetest.Logs(t, func(t *testing.T) store.Logs { return open(t, pgtest.DSN(t)).Logs() })
}

func claim(name string) runner.Claim { return runner.Claim{Runner: name} }

// Two servers share one queue: what one offers or finishes, the other knows at once.
func TestTwoServersShareTheQueue(t *testing.T) {
	dsn := pgtest.DSN(t)
	one, two := open(t, dsn).Tasks(), open(t, dsn).Tasks()
	ctx := t.Context()
	got := make(chan runner.TaskState)
	go func() {
		state, err := two.Lease(ctx, claim("r"))
		if err != nil {
			t.Error(err)
		}
		got <- state
	}()
	if err := one.Offer(ctx, runner.Task{ID: "a", OwnerUID: "u"}); err != nil {
		t.Fatal(err)
	}
	held := <-got
	told := make(chan runner.TaskState)
	go func() {
		state, err := two.Renew(ctx, "a", held.Token, long)
		if err != nil {
			t.Error(err)
		}
		told <- state
	}()
	if err := one.Cancel(ctx, "u"); err != nil {
		t.Fatal(err)
	}
	if state := <-told; !state.Cancelled {
		t.Fatalf("told %+v", state)
	}
}

// A server that starts does not end a lease which nobody could renew before it was there.
func TestALeaseOutlivesARestart(t *testing.T) {
	dsn := pgtest.DSN(t)
	ctx := t.Context()
	first := openWith(t, postgres.Config{DSN: dsn}.Lease(lease))
	if err := first.Tasks().Offer(ctx, runner.Task{ID: "a", OwnerUID: "u"}); err != nil {
		t.Fatal(err)
	}
	held, err := first.Tasks().Lease(ctx, claim("r"))
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	pgtest.Exec(t, dsn, `UPDATE tasks SET lease_until = now() - interval '1 hour'`)
	started := time.Now()
	second := openWith(t, postgres.Config{DSN: dsn}.Lease(lease)).Tasks()
	if _, err := second.Renew(ctx, "a", held.Token, 0); err != nil && time.Since(started) < lease {
		t.Fatalf("the holder came back and was refused: %v", err)
	}
	pgtest.Exec(t, dsn, `UPDATE tasks SET lease_until = now() - interval '1 hour'`)
	again, err := second.Lease(ctx, claim("other"))
	if err != nil || again.Leases != 2 || time.Since(started) < lease {
		t.Fatalf("leased again after %v: %+v, %v", time.Since(started), again, err)
	}
}
