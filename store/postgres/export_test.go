package postgres

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// Short makes everything small that is large, so that tests come to its end.
func (c Config) Short(span, keep, reach store.Revision, ring int) Config {
	c.history = history{span: span, keep: keep, reach: reach, ring: ring}
	return c
}

// Lease sets how long a lease of a task lasts.
func (c Config) Lease(d time.Duration) Config {
	c.leaseTime = d
	return c
}

// Queue bounds the writes that wait.
func (c Config) Queue(ops, bytes int) Config {
	c.queue = limits{ops, bytes}
	return c
}

// QueuedBytes is what the writes that wait hold.
func (s *Store) QueuedBytes() int {
	_, bytes := s.writer.queue.waiting()
	return bytes
}

// Hear sets how long an address to listen at has to prove itself.
func (c Config) Hear(d time.Duration) Config {
	c.hearTime = d
	return c
}

// DirectDSN is what the store listens at.
func (s *Store) DirectDSN() string { return s.config.ListenDSN }

// Channel is what servers listen at.
func (s *Store) Channel() string { return s.channel }

// ID names the store's connections.
func (s *Store) ID() string { return s.id }

// DSN is what the store was opened with.
func (s *Store) DSN() string { return s.config.DSN }

// PIDOf is the process of the private server of a directory.
func PIDOf(dir string) (int, error) {
	p := &Private{}
	a, err := findAccount()
	if err != nil {
		return 0, err
	}
	home, err := a.home(dir)
	p.data = filepath.Join(home, "data")
	return p.pid(), err
}

// DropOldRecords does what is done every hour.
func (s *Store) DropOldRecords(ctx context.Context) error { return s.weeks.drop(ctx) }

// MakeWeek makes a week of the audit log, whenever it was.
func (s *Store) MakeWeek(ctx context.Context, week time.Time) error {
	return s.weeks.alone(ctx, func(tx pgx.Tx) error {
		return errors.Join(createWeek(ctx, tx, "audit", week), createWeek(ctx, tx, "audit_links", week))
	})
}

// Queued is how many writes wait for the next batch.
func (s *Store) Queued() int { return s.writer.waiting() }

// Prune does what is done every hour.
func (s *Store) Prune(ctx context.Context) error { return s.pruner.prune(ctx) }

// Watchers is how many watches are open.
func (s *Store) Watchers() int { return s.hub.Watchers() }

// OldestBackedUp is the first step of which there are backups.
const OldestBackedUp = oldestBackedUp

// TablesKnown are the tables that Backup has an opinion on.
func TablesKnown() map[string]bool {
	known := map[string]bool{}
	for _, list := range [][]string{tablesBackedUp, tablesOfLogs, tablesLeftOut} {
		for _, table := range list {
			known[table] = true
		}
	}
	return known
}

// MigrateTo takes the steps up to number to.
func MigrateTo(ctx context.Context, conn *pgx.Conn, to int) error {
	return migrating(ctx, conn, func(tx pgx.Tx, steps []migration, at int) error {
		_, err := climb(ctx, tx, steps, at, to)
		return err
	})
}

// AbandonSQL says that a batch must not happen any more.
const AbandonSQL = abandonSQL

// SendAs sends a batch that creates an object, under an id and on a connection of its own.
func (s *Store) SendAs(ctx context.Context, id uuid.UUID, obj *api.Object) error {
	c, err := store.Create(nil, obj, uuid.NewString(), time.Now())
	if err != nil {
		return err
	}
	o, err := s.newOp(c, "")
	if err != nil {
		return err
	}
	b := newBatcher(s)
	b.link.name = s.id + " late"
	defer b.link.drop()
	_, err = b.send(ctx, []*op{o}, id)
	return err
}

// ScramWith is what PostgreSQL keeps of a password.
func ScramWith(salt []byte, password string) (string, error) { return scramWith(salt, password) }
