package postgres_test

import (
	"errors"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
)

// deafProxy stands before the database. When it is told to, it passes on what is asked
// and keeps the answers to itself.
type deafProxy struct {
	dsn, network, address string
	deaf, shut            atomic.Bool
	mu                    sync.Mutex
	open                  []net.Conn
}

func newProxy(t *testing.T, dsn string) *deafProxy {
	t.Helper()
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	p := &deafProxy{}
	p.network, p.address = pgconn.NetworkAddress(config.Host, config.Port)
	dir := t.TempDir()
	listener, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close(); p.cut() })
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("host", dir)
	query.Set("port", "5432")
	query.Set("sslmode", "disable")
	u.RawQuery = query.Encode()
	p.dsn = u.String()
	go p.serve(listener)
	return p
}

func (p *deafProxy) serve(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(p.network, p.address)
		if err != nil || p.shut.Load() {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.open = append(p.open, client, server)
		p.mu.Unlock()
		go func() { _, _ = io.Copy(server, client); server.Close() }()
		go func() { _, _ = io.Copy(answers{client, p}, server); client.Close() }()
	}
}

// answers is the way back to the client.
type answers struct {
	net.Conn
	proxy *deafProxy
}

func (a answers) Write(data []byte) (int, error) {
	if a.proxy.deaf.Load() {
		return len(data), nil
	}
	return a.Conn.Write(data)
}

// cut breaks all connections.
func (p *deafProxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.open {
		conn.Close()
	}
	p.open = nil
}

// A commit whose answer is lost has happened: it is found again, and is not done twice.
func TestACommitWhoseAnswerIsLostIsFound(t *testing.T) {
	dsn := pgtest.DSN(t)
	proxy := newProxy(t, dsn)
	aLostCommitIsFound(t, proxy, postgres.Config{DSN: proxy.dsn}, dsn)
}

func TestACommitWhoseAnswerIsLostBeforeAPoolerIsFound(t *testing.T) {
	pooled, direct := pgtest.Pooled(t)
	proxy := newProxy(t, pooled)
	aLostCommitIsFound(t, proxy, postgres.Config{DSN: proxy.dsn, ListenDSN: direct}, direct)
}

func aLostCommitIsFound(t *testing.T, proxy *deafProxy, config postgres.Config, dsn string) {
	s := openWith(t, config)
	a := must(t)(s.Create(t.Context(), object("a")))
	written := make(chan *api.Object)
	proxy.deaf.Store(true)
	go func() {
		defer close(written)
		b, err := s.Create(t.Context(), object("b"))
		if err != nil {
			t.Errorf("the write whose answer was lost: %v", err)
			return
		}
		written <- b
	}()
	eventually(t, "the write is committed", func() bool { return count(t, dsn, `SELECT v FROM counter`) == 2 })
	proxy.deaf.Store(false)
	proxy.cut()
	b, ok := <-written
	if !ok {
		return
	}
	if n := count(t, dsn, `SELECT count(*) FROM changes`); n != 2 || b.ResourceVersion != "2" {
		t.Fatalf("%d changes, the write is at %s after %s", n, b.ResourceVersion, a.ResourceVersion)
	}
	must(t)(s.Get(t.Context(), b.Key()))
	must(t)(s.Update(t.Context(), changed(b, 1, nil)))
}

// When the database does not come back, the caller is told that nobody knows.
func TestALostAnswerThatStaysLostIsUnknown(t *testing.T) {
	t.Parallel() // as it takes its time
	dsn := pgtest.DSN(t)
	proxy := newProxy(t, dsn)
	aLostAnswerIsUnknown(t, proxy, postgres.Config{DSN: proxy.dsn}, dsn)
}

func TestALostAnswerBeforeAPoolerThatStaysLostIsUnknown(t *testing.T) {
	t.Parallel()
	pooled, direct := pgtest.Pooled(t)
	proxy := newProxy(t, pooled)
	aLostAnswerIsUnknown(t, proxy, postgres.Config{DSN: proxy.dsn, ListenDSN: direct}, direct)
}

func aLostAnswerIsUnknown(t *testing.T, proxy *deafProxy, config postgres.Config, dsn string) {
	s := openWith(t, config)
	must(t)(s.Create(t.Context(), object("first"))) // now the connection is there
	proxy.deaf.Store(true)
	failed := make(chan error)
	go func() {
		_, err := s.Create(t.Context(), object("a"))
		failed <- err
	}()
	eventually(t, "the write is committed", func() bool { return count(t, dsn, `SELECT v FROM counter`) == 2 })
	proxy.shut.Store(true)
	proxy.cut()
	if err := <-failed; !errors.Is(err, api.ErrUnknownOutcome) {
		t.Fatalf("the write ended with %v", err)
	}
	proxy.deaf.Store(false)
	proxy.shut.Store(false)
	eventually(t, "the store is ready again", func() bool { return s.Ready(t.Context()) == nil })
	l, err := s.List(t.Context(), kind, store.ListOptions{})
	if err != nil || len(l.Items) != 2 {
		t.Fatalf("listed %v, %v", l.Items, err)
	}
}

// A batch that was abandoned while it was still on its way, even at the door, does not happen.
func TestAnAbandonedBatchNeverHappens(t *testing.T) {
	dsn := pgtest.DSN(t)
	s := open(t, dsn)
	must(t)(s.Create(t.Context(), object("a")))
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id := uuid.New()
	for range 3 {
		if _, err := tx.Exec(t.Context(), postgres.AbandonSQL, [16]byte(id)); err != nil {
			t.Fatal(err)
		}
	}
	late := make(chan error, 1)
	go func() { late <- s.SendAs(t.Context(), id, object("late")) }()
	eventually(t, "the late batch waits for the counter", func() bool { return waits(t, dsn, s.ID()+" late") })
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-late; !errors.Is(err, pgx.ErrNoRows) {
		t.Fatalf("the late batch: %v", err)
	}
	if n := count(t, dsn, `SELECT (SELECT count(*) FROM objects) + (SELECT count(*) FROM changes)`); n != 2 {
		t.Fatalf("%d rows of objects and changes", n)
	}
	if err := s.SendAs(t.Context(), uuid.New(), object("other")); err != nil {
		t.Fatal(err)
	}
}

// The counter's row, which every batch rewrites, does not grow with what was abandoned.
func TestWhatWasAbandonedIsForgotten(t *testing.T) {
	dsn := pgtest.DSN(t)
	open(t, dsn)
	for range 3 {
		pgtest.Exec(t, dsn, postgres.AbandonSQL, [16]byte(uuid.New()))
	}
	pgtest.Exec(t, dsn, `UPDATE counter SET abandoned_at[2] = now() - interval '2 hours'`)
	last := uuid.New()
	pgtest.Exec(t, dsn, postgres.AbandonSQL, [16]byte(last))
	if n := count(t, dsn, `SELECT cardinality(abandoned) FROM counter WHERE $1 = ANY(abandoned)`, [16]byte(last)); n != 3 {
		t.Fatalf("%d are remembered", n)
	}
	pgtest.Exec(t, dsn, `UPDATE counter SET abandoned = array_fill(gen_random_uuid(), '{200}'), abandoned_at = array_fill(now(), '{200}')`)
	pgtest.Exec(t, dsn, postgres.AbandonSQL, [16]byte(last))
	if n := count(t, dsn, `SELECT cardinality(abandoned) FROM counter WHERE $1 = ANY(abandoned)`, [16]byte(last)); n != 100 {
		t.Fatalf("%d are remembered", n)
	}
}

// A batch that waits for its turn when its connection is lost is not lost with it, nor done twice: it has its
// turn, or is sent again.
func TestAConnectionThatIsLostWhileItsBatchWaitsLosesNothing(t *testing.T) {
	for what, at := range map[string]func(*testing.T) (through, direct string){
		"direct":          func(t *testing.T) (string, string) { dsn := pgtest.DSN(t); return dsn, dsn },
		"behind a pooler": func(t *testing.T) (string, string) { return pgtest.Pooled(t) },
	} {
		t.Run(what, func(t *testing.T) {
			through, direct := at(t)
			proxy := newProxy(t, through)
			s := openWith(t, postgres.Config{DSN: proxy.dsn, ListenDSN: direct})
			must(t)(s.Create(t.Context(), object("a")))
			release := locked(t, direct, `SELECT v FROM counter FOR UPDATE`)
			b := writing(func() (*api.Object, error) { return s.Create(t.Context(), object("b")) })
			eventually(t, "the batch waits for the counter", func() bool {
				return count(t, direct, `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'`) > 0
			})
			proxy.cut()
			eventually(t, "its outcome is looked for", func() bool {
				return count(t, direct, `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%counter FOR UPDATE%'`) > 0
			})
			release()
			if w := <-b; w.err != nil {
				t.Fatal(w.err)
			}
			if n := count(t, direct, `SELECT count(*) FROM changes`); n != 2 {
				t.Fatalf("%d changes", n)
			}
		})
	}
}
