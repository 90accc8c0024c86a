package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/audit"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/postgres/pgtest"
	"github.com/powernode/powernode/store/storetest"
)

func TestFences(t *testing.T) {
	storetest.Fences(t, func(t *testing.T) (store.Store, func(string), func(string)) {
		dsn := pgtest.DSN(t)
		return open(t, dsn), func(m string) { join(t, dsn, m) }, func(m string) { leave(t, dsn, m) }
	})
}

func join(t testing.TB, dsn, member string) {
	t.Helper()
	pgtest.Exec(t, dsn, `INSERT INTO members (id) VALUES ($1)`, member)
}

func leave(t testing.TB, dsn, member string) {
	t.Helper()
	pgtest.Exec(t, dsn, `DELETE FROM members WHERE id = $1`, member)
}

// locked runs a query that locks, in a transaction that ends with the returned function.
func locked(t *testing.T, dsn, query string, args ...any) (release func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := conn.Begin(t.Context())
	if err == nil {
		_, err = tx.Exec(t.Context(), query, args...)
	}
	if err != nil {
		t.Fatal(err)
	}
	release = func() { _ = conn.Close(context.Background()) }
	t.Cleanup(release)
	return release
}

// waits reports whether a connection of this name waits for a lock.
func waits(t *testing.T, dsn, name string) bool {
	return count(t, dsn, `SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'`, name) == 1
}

// written is what becomes of a write.
type written struct {
	object *api.Object
	err    error
}

// writing starts a write.
func writing(write func() (*api.Object, error)) <-chan written {
	done := make(chan written, 1)
	go func() {
		o, err := write()
		done <- written{o, err}
	}()
	return done
}

// A membership that ends while a batch waits for its turn fences the batch off, though the
// batch had begun before.
func TestAMembershipThatEndsWhileABatchWaitsFencesItOff(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := open(t, dsn)
	join(t, dsn, "m1")
	must(t)(s.Create(t.Context(), object("first"), store.Fenced("m1")))
	release := locked(t, dsn, `SELECT v FROM counter FOR UPDATE`)
	late := writing(func() (*api.Object, error) {
		return s.Create(t.Context(), object("late"), store.Fenced("m1"))
	})
	eventually(t, "the batch waits for the counter", func() bool { return waits(t, dsn, s.ID()+" writer") })
	leave(t, dsn, "m1")
	release()
	if w := <-late; !errors.Is(w.err, store.ErrFenced) {
		t.Fatalf("the late write: %v, %v", w.object, w.err)
	}
	if n := count(t, dsn, `SELECT (SELECT count(*) FROM objects) + (SELECT count(*) FROM changes)`); n != 2 {
		t.Fatalf("%d rows of objects and changes", n)
	}
}

// A row of members that changes while a batch waits for its turn is still that of a member.
func TestAMembershipThatChangesWhileABatchWaitsFencesNothingOff(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := open(t, dsn)
	join(t, dsn, "m1")
	release := locked(t, dsn, `SELECT v FROM counter FOR UPDATE`)
	late := writing(func() (*api.Object, error) {
		return s.Create(t.Context(), object("late"), store.Fenced("m1"))
	})
	eventually(t, "the batch waits for the counter", func() bool { return waits(t, dsn, s.ID()+" writer") })
	pgtest.Exec(t, dsn, `UPDATE members SET name = 'other'`)
	release()
	if w := <-late; w.err != nil {
		t.Fatal(w.err)
	}
}

// Whoever ends a membership waits for a batch that has passed its fence: when the end is
// committed, nothing of the member is on its way.
func TestTheEndOfAMembershipWaitsForTheBatchInFlight(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := open(t, dsn)
	join(t, dsn, "m1")
	a := must(t)(s.Create(t.Context(), object("a")))
	release := locked(t, dsn, `SELECT 1 FROM objects FOR UPDATE`)
	flight := writing(func() (*api.Object, error) {
		return s.Update(t.Context(), changed(a, 1, nil), store.Fenced("m1"))
	})
	eventually(t, "the batch is past its fence", func() bool { return waits(t, dsn, s.ID()+" writer") })
	ended := make(chan error, 1)
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["application_name"] = s.ID() + " end"
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	go func() {
		_, err := conn.Exec(t.Context(), `DELETE FROM members`)
		ended <- err
	}()
	eventually(t, "the end of the membership waits", func() bool {
		if len(ended) > 0 {
			t.Fatal("the membership ended while a batch was past its fence")
		}
		return waits(t, dsn, s.ID()+" end")
	})
	release()
	if w := <-flight; w.err != nil {
		t.Fatal(w.err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// An op that is fenced off takes none of its batch with it, records of others included.
func TestAFencedOpDoesNotFailItsNeighbours(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := open(t, dsn)
	join(t, dsn, "here")
	release := locked(t, dsn, `SELECT v FROM counter FOR UPDATE`)
	first := writing(func() (*api.Object, error) { return s.Create(t.Context(), object("first")) })
	eventually(t, "the first batch waits", func() bool { return waits(t, dsn, s.ID()+" writer") })
	fences := []string{"gone", "here", "", "gone", ""}
	var all []<-chan written
	for i, fence := range fences {
		all = append(all, writing(func() (*api.Object, error) {
			return s.Create(t.Context(), object(fmt.Sprint("n", i)), store.Fenced(fence), store.Audited(func(store.Change) audit.Record { return call("r") }))
		}))
		eventually(t, "it is queued", func() bool { return s.Queued() == i+1 })
	}
	release()
	if w := <-first; w.err != nil {
		t.Fatal(w.err)
	}
	for i, fence := range fences {
		w := <-all[i]
		if fence == "gone" && !errors.Is(w.err, store.ErrFenced) || fence != "gone" && w.err != nil {
			t.Fatalf("the write %d, fenced by %q: %v", i, fence, w.err)
		}
	}
	if n := count(t, dsn, `SELECT count(DISTINCT batch) FROM changes WHERE name <> 'first'`); n != 1 {
		t.Fatalf("they were in %d batches", n)
	}
	if n := count(t, dsn, `SELECT count(*) FROM audit`); n != 3 {
		t.Fatalf("%d records", n)
	}
	l, err := s.List(t.Context(), kind, store.ListOptions{})
	if err != nil || len(l.Items) != 4 {
		t.Fatalf("listed %v, %v", l.Items, err)
	}
}

// The end of a membership gives back its slots, and who is no member gets none.
func TestSlotsAreOfMembers(t *testing.T) {
	dsn := pgtest.DSN(t)
	open(t, dsn)
	if n := count(t, dsn, `SELECT count(*) FROM slots WHERE owner IS NULL`); n != 1024 {
		t.Fatalf("%d free slots", n)
	}
	join(t, dsn, "m1")
	pgtest.Exec(t, dsn, `UPDATE slots SET owner = 'm1' WHERE slot < 10`)
	leave(t, dsn, "m1")
	if n := count(t, dsn, `SELECT count(*) FROM slots WHERE owner IS NULL`); n != 1024 {
		t.Fatalf("%d free slots", n)
	}
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), `UPDATE slots SET owner = 'm1' WHERE slot < 10`); err == nil {
		t.Fatal("a former member got slots")
	}
}
