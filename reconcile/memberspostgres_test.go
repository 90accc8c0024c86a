package reconcile_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/pgtest"
)

// crew is several Managers on one database, and the passes that go on.
type crew struct {
	t  *testing.T
	mu sync.Mutex
	in map[api.Key]*hand
}

// hand is one of them.
type hand struct {
	store *postgres.Store
	dead  atomic.Bool
	stop  func()
}

// hire starts a Manager on a store of its own.
func (c *crew) hire(dsn string) *hand {
	c.t.Helper()
	s, err := postgres.Open(c.t.Context(), postgres.Config{DSN: dsn, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(s.Close)
	h := &hand{store: s}
	m := &reconcile.Manager{Store: s, Members: s.Members(), Kinds: widgets(funcs{reconcile: func(_ context.Context, obj *object) (reconcile.Result, error) {
		c.enter(obj.Key, h)
		defer c.exit(obj.Key, h)
		time.Sleep(20 * time.Millisecond)
		return reconcile.Done, nil
	}})}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			c.t.Error(err)
		}
	})
	c.t.Cleanup(h.stop)
	return h
}

func (c *crew) enter(key api.Key, h *hand) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if other := c.in[key]; other != nil && !other.dead.Load() && !h.dead.Load() {
		c.t.Errorf("two are in a pass of %s", key)
	}
	c.in[key] = h
}

func (c *crew) exit(key api.Key, h *hand) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.in[key] == h {
		delete(c.in, key)
	}
}

// grow gives every widget a new size, and waits until all have it.
func grow(t *testing.T, s store.Store, size int) {
	t.Helper()
	for _, obj := range list(t, s, widget) {
		resize(t, s, obj.Key(), size)
	}
	eventually(t, "all have the new size", func() bool {
		for _, obj := range list(t, s, widget) {
			got, err := reconcile.Decode[widgetSpec, widgetStatus](obj)
			if err != nil || got.Status.Size != size || got.Status.ObservedGeneration != obj.Generation {
				return false
			}
		}
		return true
	})
}

// Managers on one PostgreSQL: one dies and one stops; the last one does it all, and
// no two are ever in a pass of one key.
func TestMembersOnPostgres(t *testing.T) {
	dsn := pgtest.DSN(t)
	c := &crew{t: t, in: map[api.Key]*hand{}}
	one, two, three := c.hire(dsn), c.hire(dsn), c.hire(dsn)
	create(t, three.store)
	grow(t, three.store, 2)

	one.dead.Store(true)
	one.store.Close()
	grow(t, three.store, 3)
	one.stop() // it ends, too, though it can't leave

	two.stop()
	grow(t, three.store, 4)
	atRest(t, three.store)
}
