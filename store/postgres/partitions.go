package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/powernode/powernode/store"
)

// partitions keeps the log of changes in ranges of revisions: makes them ahead
// of the writers, and drops those that are older than the history to keep.
type partitions struct {
	pool    *pgxpool.Pool
	history history
	log     *slog.Logger
	wake    chan struct{}
	seen    atomic.Int64 // the range that the last look was for
}

// reached says that the store has come to a revision.
func (p *partitions) reached(r store.Revision) {
	// Half a range ahead, so that the next one is there in time.
	part := int64((r + p.history.span/2) / p.history.span)
	if seen := p.seen.Load(); part <= seen || !p.seen.CompareAndSwap(seen, part) {
		return
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Dropping needs a moment in which nobody uses the log of changes. A writer that comes while it
// is waited for waits too, so that is not for long; a transaction that is held open, such as a
// dump, puts it off until it is over.
const (
	dropLock   = "100ms"
	dropAgain  = time.Second // at first; then twice as long each time
	dropRarely = time.Minute
)

// run looks after the partitions when the store has come far enough, until ctx ends.
func (p *partitions) run(ctx context.Context) {
	var again <-chan time.Time
	for delay := dropAgain; ; {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		case <-again:
			delay = min(2*delay, dropRarely)
		}
		again = nil
		err := p.ensure(ctx)
		if err == nil {
			err = p.drop(ctx)
		}
		switch {
		case err == nil:
			delay = dropAgain
		case locked(err):
			again = time.After(delay)
		case ctx.Err() == nil:
			p.log.Warn("the log of changes is not looked after", "error", err)
		}
	}
}

// locked reports whether somebody had a lock for too long.
func locked(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == "55P03"
}

// ensure makes the partitions of the present and the next range. Nobody who uses the others is in its way.
func (p *partitions) ensure(ctx context.Context) error {
	return p.alone(ctx, "5s", func(tx pgx.Tx, there map[store.Revision]bool, v store.Revision) error {
		current := v / p.history.span
		for n := current; n <= current+1; n++ {
			if there[n] {
				continue
			}
			if err := p.create(ctx, tx, n); err != nil {
				return err
			}
		}
		return nil
	})
}

// drop drops the partitions that are old. The error is one of locked when they are in use.
func (p *partitions) drop(ctx context.Context) error {
	return p.alone(ctx, dropLock, func(tx pgx.Tx, there map[store.Revision]bool, v store.Revision) error {
		return p.compact(ctx, tx, there, v)
	})
}

// alone runs f in a transaction while no other server is at it, with the partitions that there
// are and the counter. A lock is waited for no longer than patience.
func (p *partitions) alone(ctx context.Context, patience string, f func(tx pgx.Tx, there map[store.Revision]bool, v store.Revision) error) error {
	return pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '`+patience+`'; SELECT pg_advisory_xact_lock(hashtext('powernode partitions'), hashtext(current_schema()))`)
		if err != nil {
			return fmt.Errorf("lock partitions: %w", err)
		}
		var v store.Revision
		if err := tx.QueryRow(ctx, `SELECT v FROM counter`).Scan(&v); err != nil {
			return fmt.Errorf("read the counter: %w", err)
		}
		there, err := p.list(ctx, tx)
		if err != nil {
			return err
		}
		return f(tx, there, v)
	})
}

// list is which ranges there are, by their number.
func (p *partitions) list(ctx context.Context, tx pgx.Tx) (map[store.Revision]bool, error) {
	rows, err := tx.Query(ctx, `
		SELECT substring(c.relname FROM 'changes_(\d+)')::bigint FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'changes'::regclass`)
	if err != nil {
		return nil, fmt.Errorf("list partitions: %w", err)
	}
	there := map[store.Revision]bool{}
	var from store.Revision
	if _, err = pgx.ForEachRow(rows, []any{&from}, func() error {
		there[from/p.history.span] = true
		return nil
	}); err != nil {
		return nil, fmt.Errorf("list partitions: %w", err)
	}
	return there, nil
}

// create makes a range; attaching it locks out less than creating it in place.
func (p *partitions) create(ctx context.Context, tx pgx.Tx, n store.Revision) error {
	from, to := n*p.history.span, (n+1)*p.history.span
	_, err := tx.Exec(ctx, fmt.Sprintf(`
		CREATE TABLE changes_%[1]d (LIKE changes INCLUDING ALL);
		ALTER TABLE changes ATTACH PARTITION changes_%[1]d FOR VALUES FROM (%[1]d) TO (%[2]d)`, from, to))
	if err != nil {
		return fmt.Errorf("create the partition of changes from %d: %w", from, err)
	}
	return nil
}

// compact drops the ranges that nobody may ask for any more.
func (p *partitions) compact(ctx context.Context, tx pgx.Tx, there map[store.Revision]bool, v store.Revision) error {
	dropped := false
	for n := range there {
		if (n+1)*p.history.span+p.history.keep+p.history.reach > v {
			continue
		}
		if _, err := tx.Exec(ctx, fmt.Sprintf(`DROP TABLE changes_%d`, n*p.history.span)); err != nil {
			return fmt.Errorf("drop the partition of changes from %d: %w", n*p.history.span, err)
		}
		dropped = true
	}
	if !dropped {
		return nil
	}
	// The states before the oldest changes that are left may be among what was
	// dropped: history begins a reach later.
	if _, err := tx.Exec(ctx, `
		UPDATE history SET floor = (
			SELECT min(substring(c.relname FROM 'changes_(\d+)')::bigint) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
			WHERE i.inhparent = 'changes'::regclass) + $1`, p.history.reach); err != nil {
		return fmt.Errorf("move the floor of history: %w", err)
	}
	return nil
}
