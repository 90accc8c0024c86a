package postgres_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
	"github.com/powernode/powernode/store/seal"
	"github.com/powernode/powernode/store/storetest"
)

// sealing is a configuration that seals Secrets, and Pipelines, which have a spec.
func sealing(dsn, file string) postgres.Config {
	return postgres.Config{DSN: dsn, Keys: &seal.File{Path: file}, Sealed: []string{"Secret", kind}}
}

func keyFile(t *testing.T) string { return filepath.Join(t.TempDir(), "encryption.key") }

// secret is a Secret with a value, in its data and in the annotation that kubectl apply makes.
func secret(name, value string) *api.Object {
	data := fmt.Sprintf(`{"password":"%s"}`, base64.StdEncoding.EncodeToString([]byte(value)))
	o := &api.Object{Rest: map[string]json.RawMessage{"data": json.RawMessage(data), "type": json.RawMessage(`"Opaque"`)}}
	o.APIVersion, o.Kind, o.Namespace, o.Name = "v1", "Secret", "default", name
	o.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": `{"stringData":{"password":"` + value + `"}}`}
	return o
}

func valueOf(t *testing.T, o *api.Object) string {
	t.Helper()
	var data struct{ Password []byte }
	if err := json.Unmarshal(o.Rest["data"], &data); err != nil {
		t.Fatal(err)
	}
	return string(data.Password)
}

// A store that seals keeps to all rules, whatever it has to read back.
func TestASealingStore(t *testing.T) {
	storetest.Store(t, func(t *testing.T) store.Store { return openWith(t, sealing(pgtest.DSN(t), keyFile(t))) })
}

// clear counts what lies in the clear in the places where documents lie.
const clear = `SELECT (SELECT count(*) FROM objects WHERE kind = 'Secret' AND get_byte(data, 0) <> 1)
	+ (SELECT count(*) FROM changes WHERE kind = 'Secret' AND (get_byte(data, 0) <> 1 OR get_byte(prev, 0) <> 1))
	+ (SELECT count(*) FROM versions WHERE kind IN ('Secret', 'Pipeline.powernode.io') AND get_byte(data, 0) <> 1)`

func TestWhatWasWrittenInTheClearIsSealedAtTheStart(t *testing.T) {
	dsn, file := pgtest.DSN(t), keyFile(t)
	ctx, ok := t.Context(), must(t)
	// A small reach has states before changes kept with them.
	plain := openWith(t, postgres.Config{DSN: dsn}.Short(1000, 5000, 2, 4))
	a := ok(plain.Create(ctx, secret("a", "hunter2")))
	p := ok(plain.Create(ctx, object("p")))
	for n := range 5 {
		p = ok(plain.Update(ctx, changed(p, n+1, nil)))
	}
	b := a.Clone()
	b.Rest["data"] = secret("a", "hunter3").Rest["data"]
	b = ok(plain.Update(ctx, b))
	plain.Close()
	if n := count(t, dsn, clear); n < 8 {
		t.Fatalf("%d documents in the clear to begin with", n)
	}
	if n := count(t, dsn, `SELECT count(*) FROM changes WHERE kind = 'Secret' AND prev IS NOT NULL`); n == 0 {
		t.Fatal("no change keeps the state before")
	}
	s := openWith(t, sealing(dsn, file))
	if n := count(t, dsn, clear); n != 0 {
		t.Fatalf("%d documents are in the clear", n)
	}
	if got := ok(s.Get(ctx, a.Key())); valueOf(t, got) != "hunter3" || got.ResourceVersion != b.ResourceVersion {
		t.Fatalf("read %v", got)
	}
	var values []string
	for e, err := range s.Watch(ctx, "Secret", 0, store.WatchOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if values = append(values, valueOf(t, e.Object)); len(values) == 2 {
			break
		}
	}
	h, err := s.History(ctx, p.Key())
	if values[0] != "hunter2" || values[1] != "hunter3" || err != nil || len(h) != 6 || string(h[5].Object.Spec) != `{"n":5}` {
		t.Fatalf("watched %v, history %v, %v", values, h, err)
	}
}

// The state before a change is sealed too, where the log keeps it with the change.
func TestTheStateBeforeAChangeIsSealed(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := openWith(t, sealing(dsn, keyFile(t)).Short(1000, 5000, 2, 4))
	a := must(t)(s.Create(t.Context(), secret("a", "hunter2")))
	for n := range 4 {
		must(t)(s.Create(t.Context(), secret(fmt.Sprint("s", n), "x")))
	}
	must(t)(s.Update(t.Context(), with(a, "hunter3")))
	if n := count(t, dsn, `SELECT count(*) FROM changes WHERE prev IS NOT NULL`); n != 1 {
		t.Fatalf("%d changes keep the state before", n)
	}
	if n := count(t, dsn, clear); n != 0 {
		t.Fatalf("%d documents are in the clear", n)
	}
}

func TestAServerWithAnotherKeyRefusesToStart(t *testing.T) {
	dsn, file := pgtest.DSN(t), keyFile(t)
	must(t)(openWith(t, sealing(dsn, file)).Create(t.Context(), secret("a", "hunter2")))
	other := keyFile(t)
	openWith(t, sealing(pgtest.DSN(t), other)) // makes a key
	for want, config := range map[string]postgres.Config{
		"has only":      sealing(dsn, other),
		"has no key":    sealing(dsn, keyFile(t)),
		"name the key":  {DSN: dsn},
		"32 bytes":      {DSN: dsn, Keys: seal.Env{Name: "HOME"}, Sealed: []string{"Secret"}},
		"openssl rand ": {DSN: dsn, Keys: seal.Env{Name: "HOME"}, Sealed: []string{"Secret"}},
	} {
		_, err := postgres.Open(t.Context(), config)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("opened, wanting %q: %v", want, err)
		}
	}
	openWith(t, sealing(dsn, file))
}

// A row that was changed says so for whoever wants it, and harms no other. It can be deleted.
func TestATamperedRowNamesItsObject(t *testing.T) {
	for name, tampering := range map[string]string{
		"a byte":            `UPDATE objects SET data = set_byte(data, octet_length(data) - 20, 255 - get_byte(data, octet_length(data) - 20)) WHERE name = 'a'`,
		"the data key":      `UPDATE objects SET data = set_byte(data, 40, 255 - get_byte(data, 40)) WHERE name = 'a'`,
		"cut off":           `UPDATE objects SET data = substring(data FROM 1 FOR 50) WHERE name = 'a'`,
		"another's":         `UPDATE objects SET data = (SELECT data FROM objects WHERE name = 'b') WHERE name = 'a'`,
		"a former object's": `UPDATE objects SET data = (SELECT data FROM changes WHERE name = 'a' ORDER BY rev LIMIT 1) WHERE name = 'a'`,
	} {
		t.Run(name, func(t *testing.T) {
			dsn, file := pgtest.DSN(t), keyFile(t)
			ctx, ok := t.Context(), must(t)
			s := openWith(t, sealing(dsn, file))
			former := ok(s.Create(ctx, secret("a", "former")))
			ok(s.Delete(ctx, former.Key(), store.Preconditions{}))
			a, b := ok(s.Create(ctx, secret("a", "hunter2"))), ok(s.Create(ctx, secret("b", "hunter3")))
			pgtest.Exec(t, dsn, tampering)
			after := openWith(t, sealing(dsn, file))
			_, err := after.Get(ctx, a.Key())
			if !errors.Is(err, api.ErrUnreadable) || errors.Is(err, api.ErrNotFound) || !strings.Contains(err.Error(), "Secret/default/a") || strings.Contains(err.Error(), "hunter") {
				t.Fatalf("read the tampered one: %v", err)
			}
			if _, again := after.Create(ctx, secret("a", "x")); again == nil || again.Error() != err.Error() {
				t.Fatalf("created over the tampered one: %v", again)
			}
			l, err := after.List(ctx, "Secret", store.ListOptions{})
			if err != nil || len(l.Items) != 1 || valueOf(t, l.Items[0]) != "hunter3" {
				t.Fatalf("listed %v, %v", l.Items, err)
			}
			ok(after.Update(ctx, with(b, "hunter4")))
			ok(after.Delete(ctx, a.Key(), store.Preconditions{}))
			if got := ok(after.Create(ctx, secret("a", "new"))); valueOf(t, ok(after.Get(ctx, got.Key()))) != "new" {
				t.Fatal("the new one is not what was written")
			}
		})
	}
}

func with(o *api.Object, value string) *api.Object {
	c := o.Clone()
	c.Rest["data"] = secret(o.Name, value).Rest["data"]
	return c
}

// A change that does not open in the log is none for a server that follows: it goes on, and
// a watch that needs it is told that it has expired.
func TestATamperedChangeStopsNobody(t *testing.T) {
	dsn, file := pgtest.DSN(t), keyFile(t)
	ctx, ok := t.Context(), must(t)
	one := openWith(t, sealing(dsn, file))
	a := ok(one.Create(ctx, secret("a", "hunter2")))
	pgtest.Exec(t, dsn, `UPDATE changes SET data = set_byte(data, 150, 255 - get_byte(data, 150))`)
	two := openWith(t, sealing(dsn, file))
	if got := ok(two.Get(ctx, a.Key())); valueOf(t, got) != "hunter2" {
		t.Fatal("the object itself was not touched")
	}
	var last error
	for _, err := range two.Watch(ctx, "Secret", 0, store.WatchOptions{}) {
		last = err
		break
	}
	if !errors.Is(last, api.ErrExpired) {
		t.Fatalf("the watch from the start: %v", last)
	}
	ok(one.Update(ctx, with(a, "hunter3")))
	if got := ok(two.Get(ctx, a.Key())); valueOf(t, got) != "hunter3" {
		t.Fatalf("read %v", got)
	}
}

func openKeys(t *testing.T, config postgres.Config) *postgres.Keys {
	t.Helper()
	k, err := postgres.OpenKeys(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

// While servers write, the key changes; no write fails, and in the end nothing needs the former key.
func TestRotationUnderLoad(t *testing.T) {
	dsn, file := pgtest.DSN(t), keyFile(t)
	one, two := openWith(t, sealing(dsn, file)), openWith(t, sealing(dsn, file))
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for w, s := range []*postgres.Store{one, two, one, two} {
		o := must(t)(s.Create(t.Context(), secret(fmt.Sprint("w", w), "0")))
		group.Go(func() {
			for n := 1; ctx.Err() == nil; n++ {
				next, err := s.Update(t.Context(), with(o, fmt.Sprint(n)))
				if err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
				other, err := []*postgres.Store{two, one}[w%2].Get(t.Context(), o.Key())
				if err != nil || valueOf(t, other) != fmt.Sprint(n) {
					t.Errorf("the other server reads %v, %v", other, err)
					return
				}
				o = next
			}
		})
	}
	keys := openKeys(t, sealing(dsn, file))
	former, err := keys.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := keys.Rotate(t.Context())
	if err != nil || r.Finished || r.Rows == 0 || len(r.Bad) != 0 || r.Key == former[0].ID {
		t.Fatalf("%+v, %v", r, err)
	}
	stop()
	group.Wait()
	states, err := keys.State(t.Context())
	if err != nil || len(states) != 2 || states[0].Rows != 0 || states[0].Current || !states[1].Current || states[1].Rows == 0 || !states[1].There {
		t.Fatalf("%+v, %v", states, err)
	}
	if n := count(t, dsn, clear); n != 0 {
		t.Fatalf("%d documents are in the clear", n)
	}
	third := openWith(t, sealing(dsn, file))
	if l, err := third.List(t.Context(), "Secret", store.ListOptions{}); err != nil || len(l.Items) != 4 {
		t.Fatalf("%v, %v", l.Items, err)
	}
}

// A key is dropped only when nothing needs it, and then the file has it no more.
func TestAKeyIsDroppedWhenNothingNeedsIt(t *testing.T) {
	dsn, file := pgtest.DSN(t), keyFile(t)
	s := openWith(t, sealing(dsn, file))
	must(t)(s.Create(t.Context(), secret("a", "hunter2")))
	keys := openKeys(t, sealing(dsn, file))
	before, err := keys.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := before[0].ID
	refused := func(why string) {
		t.Helper()
		if err := keys.Drop(t.Context(), first); err == nil || !strings.Contains(err.Error(), why) {
			t.Fatalf("dropped: %v", err)
		}
	}
	refused("seals what is written now")
	if _, err := keys.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused("wait until")
	pgtest.Exec(t, dsn, `UPDATE sealing_keys SET at = at - interval '1 hour'`)
	data := count(t, dsn, `SELECT octet_length(data) FROM objects`)
	pgtest.Exec(t, dsn, `UPDATE changes SET data = '\x01'::bytea || $1::bytea`, first[:])
	refused("documents are sealed with key")
	pgtest.Exec(t, dsn, `UPDATE changes SET data = (SELECT data FROM objects)`)
	if err := keys.Drop(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	refused("knows no key")
	left, err := (&seal.File{Path: file}).Keys(t.Context(), nil)
	if err != nil || len(left) != 1 || left[0].ID() == first || data == 0 {
		t.Fatalf("%v are left, %v", left, err)
	}
	s.Close()
	again := openWith(t, sealing(dsn, file))
	if got := must(t)(again.Get(t.Context(), secret("a", "").Key())); valueOf(t, got) != "hunter2" {
		t.Fatal("it was not readable without the former key")
	}
}

// A rotation that was broken off between any two rows leaves all readable, and the next one finishes it.
func TestARotationThatWasBrokenOffIsFinished(t *testing.T) {
	dsn, file := pgtest.DSN(t), keyFile(t)
	s := openWith(t, sealing(dsn, file))
	for n := range 6 {
		must(t)(s.Create(t.Context(), secret(fmt.Sprint("s", n), "hunter2")))
	}
	// Dies after some rows: a trigger ends its connection.
	pgtest.Exec(t, dsn, `CREATE SEQUENCE resealed`)
	pgtest.Exec(t, dsn, `CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF nextval('resealed') = 4 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$`)
	pgtest.Exec(t, dsn, `CREATE TRIGGER die BEFORE UPDATE ON objects FOR EACH ROW EXECUTE FUNCTION die()`)
	if _, err := openKeys(t, sealing(dsn, file)).Rotate(t.Context()); err == nil {
		t.Fatal("the rotation did not break off")
	}
	readable := func(s *postgres.Store) {
		t.Helper()
		l, err := s.List(t.Context(), "Secret", store.ListOptions{})
		if err != nil || len(l.Items) != 6 {
			t.Fatalf("%d Secrets, %v", len(l.Items), err)
		}
	}
	keys := openKeys(t, sealing(dsn, file))
	states, err := keys.State(t.Context())
	if err != nil || len(states) != 2 || states[0].Rows == 0 || states[1].Rows != 3 {
		t.Fatalf("%+v, %v", states, err)
	}
	r, err := keys.Rotate(t.Context())
	if err != nil || !r.Finished || r.Key != states[1].ID || r.Rows != 9 {
		t.Fatalf("%+v, %v", r, err)
	}
	readable(openWith(t, sealing(dsn, file)))
	readable(s)
	// The next is a new one.
	if r, err = keys.Rotate(t.Context()); err != nil || r.Finished || r.Key == states[1].ID {
		t.Fatalf("%+v, %v", r, err)
	}
}

// A server that does not have the key yet goes on with what it can read, and has the
// rest as soon as the key comes.
func TestAKeyThatComesLate(t *testing.T) {
	dsn, here, there := pgtest.DSN(t), keyFile(t), keyFile(t)
	one := openWith(t, sealing(dsn, here))
	a := must(t)(one.Create(t.Context(), secret("a", "hunter2")))
	copyFile(t, here, there)
	two := openWith(t, sealing(dsn, there))
	if _, err := openKeys(t, sealing(dsn, here)).Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first server seals with the new key", func() bool {
		a = must(t)(one.Update(t.Context(), with(a, "hunter3")))
		_, err := two.Get(t.Context(), a.Key())
		return err != nil
	})
	_, err := two.Get(t.Context(), a.Key())
	if !errors.Is(err, seal.ErrNoKey) || !strings.Contains(err.Error(), "Secret/default/a") {
		t.Fatalf("the second server reads: %v", err)
	}
	if got := must(t)(two.Create(t.Context(), secret("b", "x"))); valueOf(t, must(t)(one.Get(t.Context(), got.Key()))) != "x" {
		t.Fatal("the first server does not read what the second wrote")
	}
	copyFile(t, here, there)
	eventually(t, "the second server reads it", func() bool {
		got, err := two.Get(t.Context(), a.Key())
		return err == nil && valueOf(t, got) == "hunter3"
	})
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
