package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/audit"
	"github.com/powernode/powernode/api/runner"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/backup"
	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
	"github.com/powernode/powernode/store/seal"
)

func backUp(t testing.TB, dsn string) (backup.Header, []byte) {
	t.Helper()
	var out bytes.Buffer
	h, err := postgres.Backup(t.Context(), dsn, &out, postgres.BackupOptions{Program: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return h, out.Bytes()
}

func restore(t testing.TB, config postgres.Config, file []byte, replace bool) (postgres.Restored, error) {
	t.Helper()
	return postgres.Restore(t.Context(), config.DSN, bytes.NewReader(file), postgres.RestoreOptions{Replace: replace, Keys: config.Keys})
}

func restored(t testing.TB, config postgres.Config, file []byte, replace bool) postgres.Restored {
	t.Helper()
	r, err := restore(t, config, file, replace)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// all lists every object of the kinds in the tests, as documents.
func all(t testing.TB, s store.Store, at store.Revision) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, k := range []string{kind, "Secret"} {
		l, err := s.List(t.Context(), k, store.ListOptions{At: at})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range l.Items {
			text, err := o.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			found[o.Key().String()] = string(text)
		}
	}
	return found
}

// A restore into an empty database brings back objects, versions, secrets, audit records,
// tasks and logs as they were, and the chain of the records goes on.
func TestARestoreBringsEverythingBack(t *testing.T) {
	config := sealing(pgtest.DSN(t), keyFile(t))
	into := config
	into.DSN = pgtest.DSN(t)
	everythingComesBack(t, config, into)
}

func everythingComesBack(t *testing.T, config, into postgres.Config) {
	s := openWith(t, config)
	ctx, ok := t.Context(), must(t)
	secretA := ok(s.Create(ctx, secret("a", "known-one")))
	ok(s.Update(ctx, with(secretA, "known-two")))
	p := ok(s.Create(ctx, object("p"), store.By("ada"), store.Audited(func(store.Change) audit.Record { return call("p") })))
	p = ok(s.Update(ctx, changed(p, 1, map[string]string{"app": "x"}), store.By("bob")))
	gone := ok(s.Create(ctx, object("gone")))
	ok(s.Delete(ctx, gone.Key(), store.Preconditions{}))
	appended(t, s.Audit(), "alone")
	task := runner.Task{ID: "t1", Owner: p.Key(), OwnerUID: string(p.UID), Payload: []byte(`{"x":1}`)}
	if err := s.Tasks().Offer(ctx, task); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Logs().Append(ctx, "run/t1", 0, []byte("a line\n")); err != nil {
		t.Fatal(err)
	}
	h, file := backUp(t, config.DSN)
	if bytes.Contains(file, []byte("known-")) {
		t.Fatal("the backup has a secret in it")
	}

	r := restored(t, into, file, false)
	again := openWith(t, into)
	if was, is := all(t, s, 0), all(t, again, 0); !reflect.DeepEqual(was, is) || len(is) != 2 {
		t.Fatalf("restored\n%v\nfrom\n%v", is, was)
	}
	if value := valueOf(t, ok(again.Get(ctx, secretA.Key()))); value != "known-two" {
		t.Fatalf("the secret is %q", value)
	}
	for _, key := range []api.Key{p.Key(), gone.Key()} {
		was, err1 := s.History(ctx, key)
		is, err2 := again.History(ctx, key)
		if err1 != nil || err2 != nil || !reflect.DeepEqual(was, is) || len(is) == 0 {
			t.Fatalf("history of %s: %v, %v, %v, %v", key, was, is, err1, err2)
		}
	}
	if was, _ := s.Tasks().Of(ctx, string(p.UID)); true {
		is, err := again.Tasks().Of(ctx, string(p.UID))
		if err != nil || !reflect.DeepEqual(was, is) || len(is) != 1 {
			t.Fatalf("tasks %v, were %v, %v", is, was, err)
		}
	}
	if text, _, err := again.Logs().Read(ctx, "run/t1", 0, 100, 0); err != nil || string(text) != "a line\n" {
		t.Fatalf("the log says %q, %v", text, err)
	}
	checkChain(t, again, h, r)
	checkLife(t, again, p, r)
}

// checkChain holds that records and links are whole, and that the last one tells of the restore.
func checkChain(t *testing.T, s *postgres.Store, h backup.Header, r postgres.Restored) {
	t.Helper()
	report, err := audit.Verify(t.Context(), s.Audit())
	if err != nil || report.Records != 3 || report.Head.ID != int64(r.Begins) {
		t.Fatalf("verified %+v, %v", report, err)
	}
	last, err := s.Audit().Records(t.Context(), audit.Query{Limit: 2})
	if err != nil || last[0].Verb != "restore" || !strings.Contains(last[0].Message, fmt.Sprint("revision ", h.Revision)) || last[1].ID != h.AuditLast {
		t.Fatalf("the last records are %+v, %v", last, err)
	}
	appended(t, s.Audit(), "later")
	if _, err := audit.Verify(t.Context(), s.Audit()); err != nil {
		t.Fatal(err)
	}
}

// checkLife holds that work goes on: what was read before may be written, a watch of before is told
// to begin anew, and the state before the first change is there.
func checkLife(t *testing.T, s *postgres.Store, p *api.Object, r postgres.Restored) {
	t.Helper()
	ctx, ok := t.Context(), must(t)
	now, err := s.List(ctx, kind, store.ListOptions{})
	if err != nil || now.Revision < r.Begins {
		t.Fatalf("a list is at %d, %v", now.Revision, err)
	}
	out := ok(s.Update(ctx, changed(p, 2, nil)))
	events, err := tell(t, s, now.Revision, store.WatchOptions{}, 1)
	if err != nil || events[0].Object.ResourceVersion != out.ResourceVersion {
		t.Fatalf("told %v, %v", events, err)
	}
	for _, from := range []store.Revision{1, store.Revision(r.Revision), store.Revision(r.Revision) + 1000, r.Begins - 1} {
		if _, err := tell(t, s, from, store.WatchOptions{}, 1); !errors.Is(err, api.ErrExpired) {
			t.Errorf("a watch from %d: %v", from, err)
		}
		if _, err := s.List(ctx, kind, store.ListOptions{At: from}); !errors.Is(err, api.ErrExpired) {
			t.Errorf("a list at %d: %v", from, err)
		}
	}
	if err := s.Tasks().Offer(ctx, runner.Task{ID: "t2", Owner: p.Key(), OwnerUID: string(p.UID)}); err != nil {
		t.Error(err)
	}
	if n := count(t, s.DSN(), `SELECT count(DISTINCT seq) FROM tasks`); n != 2 {
		t.Errorf("a task was given the place of another")
	}
}

// While servers write, a backup is the store as it was at the backup's revision, exactly.
func TestABackupUnderLoadIsTheStoreAtItsRevision(t *testing.T) {
	config := postgres.Config{DSN: pgtest.DSN(t)}
	stores := []*postgres.Store{openWith(t, config), openWith(t, config)}
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for n := range 8 {
		writers.Go(func() { writeOn(t, ctx, stores[n%2], fmt.Sprint("w", n)) })
	}
	defer writers.Wait()
	defer cancel()
	var last store.Revision
	for range 4 {
		eventually(t, "there is more to back up", func() bool { r, err := stores[0].Revision(t.Context()); return err == nil && r > last+200 })
		h, file := backUp(t, config.DSN)
		last = store.Revision(h.Revision)
		into := postgres.Config{DSN: pgtest.DSN(t)}
		restored(t, into, file, false)
		s := openWith(t, into)
		if was, is := all(t, stores[1], last), all(t, s, 0); !reflect.DeepEqual(was, is) || len(is) == 0 {
			t.Fatalf("at %d there were %d objects, restored were %d", last, len(was), len(is))
		}
		if _, err := audit.Verify(t.Context(), s.Audit()); err != nil {
			t.Fatal(err)
		}
	}
}

// writeOn creates, changes and deletes objects, with records, until ctx ends.
func writeOn(t *testing.T, ctx context.Context, s store.Store, prefix string) {
	noted := store.Audited(func(store.Change) audit.Record { return call(prefix) })
	for n := 0; ctx.Err() == nil; n++ {
		o, err := s.Create(ctx, object(fmt.Sprint(prefix, "-", n%7)), noted)
		if errors.Is(err, api.ErrExists) {
			_, err = s.Delete(ctx, object(fmt.Sprint(prefix, "-", n%7)).Key(), store.Preconditions{})
		} else if err == nil {
			_, err = s.Update(ctx, changed(o, n, nil), noted)
		}
		if err != nil && ctx.Err() == nil {
			t.Error(err)
			return
		}
	}
}

// A watch that goes on over a restore under running servers is told that it has expired, whatever
// revision it had come to; lists are those of the backup.
func TestAWatchOfAnotherHistoryExpires(t *testing.T) {
	config := postgres.Config{DSN: pgtest.DSN(t)}
	s := openWith(t, config)
	ctx, ok := t.Context(), must(t)
	a := ok(s.Create(ctx, object("a")))
	_, file := backUp(t, config.DSN)
	for n := range 50 {
		a = ok(s.Update(ctx, changed(a, n+1, nil)))
	}
	at, err := s.Revision(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		for _, err := range s.Watch(ctx, kind, at, store.WatchOptions{}) {
			ended <- err
		}
	}()
	eventually(t, "it watches", func() bool { return s.Watchers() == 1 })
	first := restored(t, config, file, true)
	if err := <-ended; !errors.Is(err, api.ErrExpired) {
		t.Fatalf("the watch was told %v", err)
	}
	l, err := s.List(ctx, kind, store.ListOptions{})
	if err != nil || len(l.Items) != 1 || string(l.Items[0].Spec) != `{"n":0}` {
		t.Fatalf("listed %v, %v", l, err)
	}
	ok(s.Update(ctx, changed(l.Items[0], 100, nil)))
	// Once more from the same file: what this life has handed out is behind the next one, too.
	now, err := s.Revision(ctx)
	if err != nil {
		t.Fatal(err)
	}
	second := restored(t, config, file, true)
	if second.Begins <= now || now <= first.Begins {
		t.Fatalf("the first life began at %d and came to %d, the second began at %d", first.Begins, now, second.Begins)
	}
	// And once more, where nothing is known of the lives before.
	if third := restored(t, postgres.Config{DSN: pgtest.DSN(t)}, file, false); third.Begins <= second.Begins+100 {
		t.Fatalf("the second life began at %d, the third at %d", second.Begins, third.Begins)
	}
}

// What is damaged, of another key, too new, or would destroy something is refused, and then nothing has changed.
func TestARestoreIsWholeOrNothing(t *testing.T) {
	config := sealing(pgtest.DSN(t), keyFile(t))
	s := openWith(t, config)
	ctx, ok := t.Context(), must(t)
	for n := range 40 {
		ok(s.Create(ctx, secret(fmt.Sprint("s", n), strings.Repeat("x", 100))))
	}
	_, file := backUp(t, config.DSN)
	into := sealing(pgtest.DSN(t), config.Keys.(*seal.File).Path)
	kept := openWith(t, into)
	ok(kept.Create(ctx, object("kept")))
	other := into
	other.Keys = &seal.File{Path: keyFile(t)}
	newer := bytes.Replace(file, []byte(`"step":`), []byte(`"step":9`), 1)
	damaged := bytes.Clone(file)
	damaged[len(damaged)/2] ^= 1
	for what, c := range map[string]struct {
		config  postgres.Config
		file    []byte
		replace bool
		says    string
	}{
		"not empty":                 {into, file, false, "1 objects"},
		"cut off":                   {into, file[:len(file)-20], true, "cut off"},
		"damaged":                   {into, damaged, true, "damaged"},
		"a wrong key":               {other, file, true, "sealed with key"},
		"no key":                    {postgres.Config{DSN: into.DSN}, file, true, "name the key"},
		"no backup":                 {into, []byte("CREATE TABLE"), true, "no backup"},
		"a header that was changed": {into, newer, true, "damaged"},
	} {
		_, err := restore(t, c.config, c.file, c.replace)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if l, err := kept.List(ctx, kind, store.ListOptions{}); err != nil || len(l.Items) != 1 {
		t.Fatalf("left are %v, %v", l.Items, err)
	}
	if n := count(t, into.DSN, `SELECT count(*) FROM objects`); n != 1 {
		t.Fatalf("%d rows are left", n)
	}
	if r := restored(t, into, file, true); r.Rows["objects"] != 40 || r.Replaced.Objects != 1 {
		t.Fatalf("restored %+v", r)
	}
}

// A log goes on at the turn of the day while a backup reads the days before.
func TestANewDayBeginsDuringABackup(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := open(t, dsn)
	if _, err := s.Logs().Append(t.Context(), "a", 0, []byte("x")); err != nil {
		t.Fatal(err)
	}
	var today time.Time // by the clock and in the time zone of the database
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), `SELECT current_date`).Scan(&today); err != nil {
		t.Fatal(err)
	}
	yesterday := today.AddDate(0, 0, -1)
	pgtest.Exec(t, dsn, fmt.Sprintf(`TRUNCATE log_chunks; ALTER TABLE log_chunks DETACH PARTITION %[1]s; ALTER TABLE %[1]s RENAME TO %[2]s; ALTER TABLE log_chunks ATTACH PARTITION %[2]s FOR VALUES FROM ('%[3]s') TO ('%[4]s')`,
		"log_chunks_"+today.Format("20060102"), "log_chunks_"+yesterday.Format("20060102"), yesterday.Format(time.DateOnly), today.Format(time.DateOnly)))
	if _, err := conn.Exec(t.Context(), `BEGIN ISOLATION LEVEL REPEATABLE READ; LOCK TABLE log_chunks IN ACCESS SHARE MODE`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Logs().Append(t.Context(), "a", 1, []byte("y")); err != nil {
		t.Fatal(err)
	}
}

// Every table is either in a backup, or known to be left out.
func TestEveryTableIsBackedUpOrLeftOut(t *testing.T) {
	dsn := pgtest.DSN(t)
	open(t, dsn)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), `SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = current_schema()::regnamespace`)
	if err != nil {
		t.Fatal(err)
	}
	there, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	known := postgres.TablesKnown()
	for _, table := range there {
		if !known[table] {
			t.Errorf("backup.go says nothing of table %s: back it up, or name it in tablesLeftOut", table)
		}
	}
}

// A backup that the program makes of a database of an older version is restored to the present one.
func TestABackupOfAnOlderDatabase(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := open(t, dsn)
	must(t)(s.Create(t.Context(), object("a")))
	s.Close()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := postgres.Rollback(t.Context(), conn, postgres.OldestBackedUp); err != nil {
		t.Fatal(err)
	}
	h, file := backUp(t, dsn)
	if h.Step != postgres.OldestBackedUp {
		t.Fatalf("backed up at step %d", h.Step)
	}
	into := postgres.Config{DSN: pgtest.DSN(t), Unmigrated: true}
	restored(t, into, file, false)
	if l, err := openWith(t, into).List(t.Context(), kind, store.ListOptions{}); err != nil || len(l.Items) != 1 {
		t.Fatalf("restored %v, %v", l.Items, err)
	}
	if _, err := postgres.Rollback(t.Context(), conn, postgres.OldestBackedUp-1); err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.Backup(t.Context(), dsn, &bytes.Buffer{}, postgres.BackupOptions{}); err == nil || !strings.Contains(err.Error(), "db migrate first") {
		t.Fatalf("backed up: %v", err)
	}
}

// Behind a pooler, which keeps no sessions, a backup is made and brought back like anywhere else.
func TestBackupAndRestoreBehindAPooler(t *testing.T) {
	config := behind(t)
	s := openWith(t, config)
	a := must(t)(s.Create(t.Context(), object("a")))
	_, file := backUp(t, config.DSN)
	must(t)(s.Update(t.Context(), changed(a, 1, nil)))
	restored(t, config, file, true)
	eventually(t, "the server has what was restored", func() bool {
		o, err := s.Get(t.Context(), a.Key())
		return err == nil && o.ResourceVersion == a.ResourceVersion
	})
	if status, err := postgres.ReadStatus(t.Context(), config.DSN); err != nil || status.Objects != 1 {
		t.Fatalf("status %+v, %v", status, err)
	}
}
