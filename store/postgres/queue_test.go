package postgres_test

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
)

// stuck has a first batch, the creation of "first", wait for the counter, so that what is written
// then is queued, until it is released.
func stuck(t *testing.T, s *postgres.Store) (release func()) {
	t.Helper()
	unlock := locked(t, s.DSN(), `SELECT v FROM counter FOR UPDATE`)
	first := writing(func() (*api.Object, error) { return s.Create(t.Context(), object("first")) })
	eventually(t, "the first batch waits", func() bool { return waits(t, s.DSN(), s.ID()+" writer") })
	return func() {
		t.Helper()
		unlock()
		if w := <-first; w.err != nil {
			t.Fatal(w.err)
		}
	}
}

// queue starts writes, one after the other.
func queue(t *testing.T, s *postgres.Store, writes ...func() (*api.Object, error)) (all []<-chan written) {
	t.Helper()
	for _, write := range writes {
		n := s.Queued()
		all = append(all, writing(write))
		eventually(t, "the write is queued", func() bool { return s.Queued() == n+1 })
	}
	return all
}

func creating(t *testing.T, s *postgres.Store, o *api.Object) func() (*api.Object, error) {
	return func() (*api.Object, error) { return s.Create(t.Context(), o) }
}

// Of two writes of one object that wait together the first is done first.
func TestTheFirstOfTwoWritesOfOneObjectIsDoneFirst(t *testing.T) {
	s := open(t, pgtest.DSN(t))
	a := must(t)(s.Create(t.Context(), object("a")))
	release := stuck(t, s)
	all := queue(t, s,
		func() (*api.Object, error) { return s.Delete(t.Context(), a.Key(), store.Preconditions{}) },
		creating(t, s, object("other")),
		func() (*api.Object, error) { return s.Update(t.Context(), changed(a, 1, nil)) },
	)
	release()
	if w := <-all[0]; w.err != nil {
		t.Fatal(w.err)
	}
	if w := <-all[1]; w.err != nil {
		t.Fatal(w.err)
	}
	if w := <-all[2]; !errors.Is(w.err, api.ErrNotFound) {
		t.Fatalf("the write after the deletion: %v, %v", w.object, w.err)
	}
}

// What the database refuses takes none of its batch with it.
func TestAWriteThatTheDatabaseRefusesFailsAlone(t *testing.T) {
	s := open(t, pgtest.DSN(t))
	var long [4000]byte // longer than an entry of an index may be, and not to be compressed
	_, _ = rand.Read(long[:])
	release := stuck(t, s)
	all := queue(t, s,
		creating(t, s, object("a")),
		creating(t, s, object(hex.EncodeToString(long[:]))),
		creating(t, s, object("nul\x00")),
		creating(t, s, object("\xff")),
		creating(t, s, object("b")),
	)
	release()
	for i, bad := range []bool{false, true, true, true, false} {
		if w := <-all[i]; (w.err != nil) != bad {
			t.Errorf("write %d: %v", i, w.err)
		}
	}
	if n := count(t, s.DSN(), `SELECT count(*) FROM objects`); n != 3 {
		t.Errorf("%d objects", n)
	}
}

// What waits for a slow database is bounded: more is turned away at once, and nothing of it is done.
func TestAFullQueueTurnsWritesAway(t *testing.T) {
	s := openWith(t, postgres.Config{DSN: pgtest.DSN(t)}.Queue(3, 10_000))
	large := object("large")
	large.Spec = json.RawMessage(fmt.Sprintf(`{"x": %q}`, strings.Repeat("x", 12_000)))
	must(t)(s.Create(t.Context(), object("before")))
	release := stuck(t, s)
	all := queue(t, s, creating(t, s, object("a")))
	if _, err := s.Create(t.Context(), large); !errors.Is(err, api.ErrBusy) {
		t.Fatalf("a write that is too much: %v", err)
	}
	all = append(all, queue(t, s, creating(t, s, object("b")), creating(t, s, object("c")))...)
	if _, err := s.Create(t.Context(), object("d")); !errors.Is(err, api.ErrBusy) {
		t.Fatalf("one write too many: %v", err)
	}
	release()
	for _, w := range all {
		if w := <-w; w.err != nil {
			t.Fatal(w.err)
		}
	}
	if s.Queued() != 0 || s.QueuedBytes() != 0 {
		t.Fatalf("%d writes of %d bytes wait", s.Queued(), s.QueuedBytes())
	}
	must(t)(s.Create(t.Context(), large))
	must(t)(s.Create(t.Context(), object("d")))
}

// All servers are told of a batch by one message, whatever is in it.
func TestABatchIsToldByOneMessage(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := open(t, dsn)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "LISTEN "+s.Channel()); err != nil {
		t.Fatal(err)
	}
	release := stuck(t, s)
	var writes []func() (*api.Object, error)
	for i := range 10 {
		writes = append(writes, creating(t, s, object(fmt.Sprint("n", i))))
	}
	all := queue(t, s, writes...)
	release()
	for _, w := range all {
		if w := <-w; w.err != nil {
			t.Fatal(w.err)
		}
	}
	pgtest.Exec(t, dsn, `SELECT pg_notify($1, 'end')`, s.Channel())
	var told []string
	for {
		message, err := conn.WaitForNotification(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if message.Payload == "end" {
			break
		}
		told = append(told, message.Payload)
	}
	if strings.Join(told, " ") != "r1 r11" {
		t.Fatalf("told %v", told)
	}
}

// A transaction that is held open elsewhere, with a number and a snapshot of its own, holds up neither writes nor what is told of them.
func TestALongTransactionHoldsUpNoFeed(t *testing.T) {
	dsn := pgtest.DSN(t)
	one, two := open(t, dsn), open(t, dsn)
	end := locked(t, dsn, `SELECT pg_current_xact_id(), v, (SELECT count(*) FROM changes), (SELECT count(*) FROM objects) FROM counter`)
	a := must(t)(one.Create(t.Context(), object("a")))
	for n := range 20 {
		a = must(t)(one.Update(t.Context(), changed(a, n+1, nil)))
	}
	events, err := tell(t, two, 0, store.WatchOptions{}, 21)
	if err != nil || events[20].Object.ResourceVersion != a.ResourceVersion {
		t.Fatalf("told %d events, %v", len(events), err)
	}
	if same := must(t)(two.Get(t.Context(), a.Key())); same.ResourceVersion != a.ResourceVersion {
		t.Fatalf("read %s after %s", same.ResourceVersion, a.ResourceVersion)
	}
	end()
}

// The rows that are rewritten all the time are cleaned up early, and have room to be rewritten in place.
func TestRewrittenTablesAreCleanedUpEarly(t *testing.T) {
	dsn := pgtest.DSN(t)
	open(t, dsn)
	for _, want := range []string{
		"counter fillfactor=10", "counter autovacuum_vacuum_scale_factor=0.02", "counter autovacuum_vacuum_cost_delay=0",
		"objects fillfactor=70", "objects autovacuum_vacuum_scale_factor=0.02",
	} {
		table, option, _ := strings.Cut(want, " ")
		if count(t, dsn, `SELECT count(*) FROM pg_class WHERE oid = to_regclass($1) AND $2 = ANY(reloptions)`, table, option) != 1 {
			t.Errorf("%s has not %s", table, option)
		}
	}
	// No index on what changes: an update stays on its page.
	if n := count(t, dsn, `SELECT count(*) FROM pg_index WHERE indrelid = 'objects'::regclass`); n != 1 {
		t.Errorf("objects has %d indexes", n)
	}
}
