package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/failpoint"
	"github.com/powernode/powernode/store"
)

const (
	pollTime  = time.Second // between looks at the log when nobody says that there is news
	fetchSize = 1000        // changes that one look reads
)

// fetchSQL reads the next changes together with the counter of the same snapshot: when there
// are no more than fit, the memory is complete up to the counter, unused revisions included.
const fetchSQL = `
SELECT counter.v, history.floor, (SELECT id FROM sealing_keys WHERE current), (SELECT count(*) FROM sealing_keys), c.rev, c.op::text, c.kind, c.ns, c.name, c.data
FROM counter CROSS JOIN history LEFT JOIN LATERAL (
	SELECT rev, op, kind, ns, name, data FROM changes WHERE rev > $1 ORDER BY rev LIMIT $2
) c ON true ORDER BY c.rev`

// follower keeps the memory up with the database.
type follower struct {
	store  *Store
	wake   chan struct{}
	target atomic.Int64 // a revision that is known to be there
	forced atomic.Bool  // look even if the target is reached
	whole  atomic.Int64 // when the memory had all that there was, in nanoseconds since 1970
}

// behind is how many revisions the memory lacks of those that are known to be there.
func (f *follower) behind() float64 {
	return float64(max(0, f.target.Load()-int64(f.store.hub.Position())))
}

// age is for how many seconds the memory has not been known to have all that there is.
func (f *follower) age() float64 {
	return time.Since(time.Unix(0, f.whole.Load())).Seconds()
}

func newFollower(s *Store) *follower {
	return &follower{store: s, wake: make(chan struct{}, 1)}
}

// nudge says that the database has come to a revision.
func (f *follower) nudge(r store.Revision) {
	for {
		old := f.target.Load()
		if int64(r) <= old || f.target.CompareAndSwap(old, int64(r)) {
			break
		}
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// poke asks for a look, as messages may have been missed.
func (f *follower) poke() {
	f.forced.Store(true)
	f.nudge(0)
}

// heard takes the revision that a server has committed.
func (f *follower) heard(revision string) {
	if r, err := strconv.ParseInt(revision, 10, 64); err == nil {
		f.nudge(store.Revision(r))
	}
}

// run looks when it is told to, and every now and then, until ctx ends.
func (f *follower) run(ctx context.Context) {
	healthy := true
	for ctx.Err() == nil {
		due := f.pause(ctx)
		if ctx.Err() != nil || !due && f.reached() {
			continue
		}
		// An own batch in flight brings its changes itself.
		f.store.writer.settle()
		if !due && f.reached() {
			continue
		}
		err := f.store.fetchAll(ctx)
		if err == nil {
			healthy = true
			continue
		}
		if healthy && ctx.Err() == nil {
			f.store.config.Log.Warn("changes cannot be read", "error", err)
		}
		healthy = false
		_ = wait(ctx, pollTime/10)
	}
}

// pause waits for news; it is true when a look is due without any.
func (f *follower) pause(ctx context.Context) bool {
	t := time.NewTimer(pollTime - pollTime/5 + rand.N(2*pollTime/5))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-f.wake:
		return f.forced.Swap(false)
	case <-t.C:
		return true
	}
	return false
}

func (f *follower) reached() bool {
	return int64(f.store.hub.Position()) >= f.target.Load()
}

// errGone: changes that the memory lacks are not kept any more.
var errGone = errors.New("the log of changes does not reach back far enough")

// fetchAll brings the memory to the present; when the log does not reach back to it, by reading everything anew.
func (s *Store) fetchAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, commitTime)
	defer cancel()
	if s.sealer.takeRenewed() {
		s.config.Log.Info("reading all objects anew, as there are new sealing keys")
		err := s.load(ctx)
		if err != nil {
			s.sealer.again()
		}
		return err
	}
	for more := true; more; {
		var err error
		began := time.Now()
		more, err = s.fetch(ctx)
		if err == nil && !more {
			s.follow.whole.Store(began.UnixNano())
		}
		if errors.Is(err, errGone) {
			s.config.Log.Warn("reading all objects anew", "reason", err)
			return s.load(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fetch reads the next changes; more says that there are some behind them.
func (s *Store) fetch(ctx context.Context) (more bool, err error) {
	if err := failpoint.Hit("follow.before"); err != nil {
		return false, err
	}
	from := s.hub.Position()
	rows, err := s.pool.Query(ctx, fetchSQL, from, fetchSize)
	if err != nil {
		return false, fmt.Errorf("read changes: %w", err)
	}
	var (
		changes  []store.Change
		v, floor store.Revision
		last     store.Revision
		current  []byte
		keys     int
		rev      *store.Revision
		row      changeRow
		n        int
	)
	_, err = pgx.ForEachRow(rows, []any{&v, &floor, &current, &keys, &rev, &row.op, &row.kind, &row.ns, &row.name, &row.data}, func() error {
		if rev == nil {
			return nil
		}
		n, last = n+1, *rev
		c, err := s.change(ctx, row, *rev)
		if c.New != nil {
			changes = append(changes, c)
		}
		return err
	})
	switch {
	case err != nil:
		return false, fmt.Errorf("read changes: %w", err)
	case from < floor || v < from:
		return false, fmt.Errorf("at revision %d of %d, kept after %d: %w", from, v, floor, errGone)
	}
	if more = n == fetchSize; more {
		v = last
	}
	s.hub.Apply(from, changes, v)
	failpoint.At("follow.after")
	s.parts.reached(v)
	s.sealer.heard(ctx, current)
	s.metrics.keys.Set(float64(keys))
	return more, nil
}

// changeRow is a row of changes; all nil when there is none.
type changeRow struct {
	op, kind, ns, name *string
	data               []byte
}

// change is a row of the log as the memory takes it in. What can't be read is deleted there, and
// noted; there is no change (New is nil) when the memory did not have it.
func (s *Store) change(ctx context.Context, row changeRow, at store.Revision) (store.Change, error) {
	key := api.Key{Kind: *row.kind, Namespace: *row.ns, Name: *row.name}
	o, err := s.sealer.decode(ctx, key, row.data, at)
	c := store.Change{Type: typeOf[*row.op], New: o, Revision: at}
	var lost *unreadable
	switch {
	case c.Type == store.Deleted || err == nil:
		s.sealer.found(key)
	case errors.As(err, &lost):
		s.sealer.miss(lost)
	}
	if err == nil || !errors.As(err, &lost) {
		return c, err
	}
	c.Type = store.Deleted
	if last := s.hub.Get(key); last != nil {
		c.New = last.Clone()
		c.New.ResourceVersion = at.String()
	}
	return c, nil
}
