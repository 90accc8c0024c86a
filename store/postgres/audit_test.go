package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/audit"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
	"github.com/powernode/powernode/store/storetest"
)

func logOf(s store.Store) store.Audit { return s.(*postgres.Store).Audit() }

func TestAudit(t *testing.T) {
	storetest.Audit(t, func(t *testing.T) store.Store { return open(t, pgtest.DSN(t)) }, logOf)
}

// Two servers on one database keep one chain.
func TestTwoServersKeepOneAuditChain(t *testing.T) {
	dsn := pgtest.DSN(t)
	one, two := open(t, dsn), open(t, dsn)
	storetest.AuditedRace(t, []store.Audit{one.Audit(), two.Audit()}, one, two)
}

// What waits for a batch under way is committed as one: records of writes and others in one link.
func TestRecordsThatWaitAreOneLink(t *testing.T) {
	s := open(t, pgtest.DSN(t))
	conn, err := pgx.Connect(t.Context(), s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT FROM counter FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	const waiting = `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = $1`
	var group sync.WaitGroup
	send := func() { group.Go(func() { appended(t, s.Audit(), "a") }) }
	send()
	eventually(t, "the first batch is under way", func() bool { return s.Queued() == 0 && count(t, s.DSN(), waiting, s.ID()+" writer") == 1 })
	send()
	send()
	group.Go(func() {
		if _, err := s.Create(t.Context(), object("b"), store.Audited(func(store.Change) audit.Record { return call("b") })); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "three wait", func() bool { return s.Queued() == 3 })
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	group.Wait()
	if report, err := audit.Verify(t.Context(), s.Audit()); err != nil || report.Links != 2 || report.Records != 4 {
		t.Fatalf("%+v, %v", report, err)
	}
}

// call is the record of a call that was refused.
func call(name string) audit.Record {
	return audit.Record{At: time.Now(), User: "ann", Verb: "delete", Resource: "pipelines", Name: name, Code: 403}
}

func appended(t *testing.T, log store.Audit, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := log.Append(t.Context(), call(name)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheAuditLogOnlyGrows(t *testing.T) {
	s := open(t, pgtest.DSN(t))
	appended(t, s.Audit(), "a")
	conn, err := pgx.Connect(t.Context(), s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var part string
	if err := conn.QueryRow(t.Context(), `SELECT tableoid::regclass::text FROM audit`).Scan(&part); err != nil {
		t.Fatal(err)
	}
	links := strings.Replace(part, "audit_", "audit_links_", 1)
	for _, statement := range []string{
		`UPDATE audit SET username = 'bob'`, `DELETE FROM audit`, `TRUNCATE audit`,
		`UPDATE ` + part + ` SET username = 'bob'`, `DELETE FROM ` + part, `TRUNCATE ` + part,
		`UPDATE audit_links SET last = 7`, `DELETE FROM ` + links, `TRUNCATE audit_links`,
		`DELETE FROM audit_chain`, `TRUNCATE audit_chain`, `INSERT INTO audit_chain SELECT * FROM audit_chain`,
	} {
		if _, err := conn.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "only grows") {
			t.Errorf("%s: %v", statement, err)
		}
	}
	if report, err := audit.Verify(t.Context(), s.Audit()); err != nil || report.Records != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
}

// Whoever owns the database can do what the triggers refuse; verifying names the record.
func TestTamperingInTheDatabaseIsFound(t *testing.T) {
	for name, tampering := range map[string]string{
		"a document":      `UPDATE audit SET document = convert_to(replace(convert_from(document, 'UTF8'), 'ann', 'bob'), 'UTF8') WHERE id = 3`,
		"its time":        `UPDATE audit SET at = at + interval '1s' WHERE id = 3`,
		"a column":        `UPDATE audit SET username = 'bob' WHERE id = 3`,
		"a row":           `DELETE FROM audit WHERE id = 3`,
		"a row's place":   `UPDATE audit SET id = 33 WHERE id = 3`,
		"a link's record": `UPDATE audit_links SET sums = set_byte(sums, 10, 255 - get_byte(sums, 10)) WHERE last = 3`,
		"a link's length": `UPDATE audit_links SET sums = sums || 'x' WHERE last = 3`,
		"both at once": `WITH d AS (UPDATE audit SET document = convert_to(replace(convert_from(document, 'UTF8'), 'delete', 'create'), 'UTF8'), verb = 'create' WHERE id = 3 RETURNING document)
			UPDATE audit_links SET sums = int8send(3) || sha256(document) FROM d WHERE last = 3`,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, pgtest.DSN(t))
			appended(t, s.Audit(), "a", "b", "c", "d")
			tamper(t, s.DSN(), tampering)
			_, err := audit.Verify(t.Context(), s.Audit())
			var broken *audit.Broken
			if !errors.As(err, &broken) || broken.ID != 3 {
				t.Fatalf("verified: %v", err)
			}
		})
	}
}

// tamper does to the tables what no server does.
func tamper(t *testing.T, dsn, statement string) {
	t.Helper()
	pgtest.Exec(t, dsn, `DO $$ DECLARE r regclass; BEGIN
		FOR r IN SELECT tgrelid::regclass FROM pg_trigger WHERE tgname = 'append_only' AND tgrelid IN (
			SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace)
		LOOP EXECUTE format('ALTER TABLE %s DISABLE TRIGGER ALL', r); END LOOP;
	END $$`)
	pgtest.Exec(t, dsn, statement)
}

// A batch whose answer is lost leaves its records once, those of refused calls too.
func TestALostAnswerLeavesOneRecord(t *testing.T) {
	dsn := pgtest.DSN(t)
	proxy := newProxy(t, dsn)
	s := open(t, proxy.dsn)
	appended(t, s.Audit(), "first")
	written := make(chan error)
	proxy.deaf.Store(true)
	go func() { written <- s.Audit().Append(t.Context(), call("a")) }()
	eventually(t, "the record is committed", func() bool { return count(t, dsn, `SELECT v FROM counter`) == 2 })
	proxy.deaf.Store(false)
	proxy.cut()
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if report, err := audit.Verify(t.Context(), open(t, dsn).Audit()); err != nil || report.Records != 2 {
		t.Fatalf("%+v, %v", report, err)
	}
}

// Connections that are killed in the middle of batches leave a whole chain, with a
// record of each write and no other.
func TestLostConnectionsLeaveAWholeChain(t *testing.T) {
	dsn := pgtest.DSN(t)
	one, two := open(t, dsn), open(t, dsn)
	const writers, times = 4, 40
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			s := []*postgres.Store{one, two}[w%2]
			for n := range times {
				name := fmt.Sprint("o", w, "-", n)
				_, err := s.Create(t.Context(), object(name), store.Audited(func(store.Change) audit.Record { return call(name) }))
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writing.Wait(); close(done) }()
	kills := int64(0)
	for going := true; going; {
		select {
		case <-done:
			going = false
		case <-time.After(15 * time.Millisecond):
			kills += kill(t, one, "writer") + kill(t, two, "writer")
		}
	}
	if kills == 0 {
		t.Fatal("no connection was killed")
	}
	if report, err := audit.Verify(t.Context(), two.Audit()); err != nil || report.Records != writers*times {
		t.Fatalf("%+v, %v", report, err)
	}
	if n := count(t, dsn, `SELECT count(DISTINCT name) FROM audit JOIN changes USING (name) WHERE rev = id`); n != writers*times {
		t.Fatalf("%d of %d writes have their record", n, writers*times)
	}
}

// Old weeks are dropped, the rest verifies from the anchor that they leave, and a
// record tells of it.
func TestOldAuditRecordsAreDropped(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := openWith(t, postgres.Config{DSN: dsn, AuditKept: 30 * 24 * time.Hour})
	appended(t, s.Audit(), "a", "b", "c", "d", "e")
	// The first four were written long ago, three of them too long, in two weeks.
	for id, weeks := range map[int]int{1: 10, 2: 9, 3: 9, 4: 3} {
		week := time.Now().UTC().AddDate(0, 0, -7*weeks)
		week = week.AddDate(0, 0, -(int(week.Weekday())+6)%7) // Monday
		if err := s.MakeWeek(t.Context(), week); err != nil {
			t.Fatal(err)
		}
		tamper(t, dsn, fmt.Sprintf(`WITH l AS (UPDATE audit_links SET week = '%[1]s' WHERE last = %[2]d) UPDATE audit SET week = '%[1]s' WHERE id = %[2]d`,
			week.Format(time.DateOnly), id))
	}
	if err := s.DropOldRecords(t.Context()); err != nil {
		t.Fatal(err)
	}
	report, err := audit.Verify(t.Context(), s.Audit())
	if err != nil || report.Anchor.ID != 3 || report.Records != 3 {
		t.Fatalf("%+v, %v", report, err)
	}
	last, err := s.Audit().Records(t.Context(), audit.Query{Limit: 1})
	if err != nil || last[0].Verb != "drop" || !strings.Contains(last[0].Message, report.Anchor.Hash.String()) {
		t.Fatalf("%+v, %v", last, err)
	}
	// Nothing more is old.
	if err := s.DropOldRecords(t.Context()); err != nil || count(t, dsn, `SELECT v FROM counter`) != 6 {
		t.Fatal(err)
	}
}

// A batch that finds no partition for its week makes one.
func TestAWeekThatNobodyMadeIsMade(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := open(t, dsn)
	tamper(t, dsn, `UPDATE audit_chain SET week = '2199-01-07'`) // a clock went far ahead
	made, err := s.Create(t.Context(), object("a"), store.Audited(func(store.Change) audit.Record { return call("a") }))
	if err != nil || made == nil {
		t.Fatal(err)
	}
	if report, err := audit.Verify(t.Context(), s.Audit()); err != nil || report.Records != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
}

// While PostgreSQL cannot be reached nothing is recorded, and whoever asks is told.
func TestNoRecordWithoutPostgres(t *testing.T) {
	proxy := newProxy(t, pgtest.DSN(t))
	s := openWith(t, postgres.Config{DSN: proxy.dsn})
	proxy.shut.Store(true)
	proxy.cut()
	if err := s.Audit().Append(t.Context(), call("a")); !errors.Is(err, api.ErrUnavailable) || !strings.Contains(err.Error(), "audit record") {
		t.Fatalf("appended: %v", err)
	}
	if _, err := s.Audit().Records(t.Context(), audit.Query{}); !errors.Is(err, api.ErrUnavailable) {
		t.Fatalf("read: %v", err)
	}
	proxy.shut.Store(false)
}
