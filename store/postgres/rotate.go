package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/store/seal"
)

// Keys changes the keys that a database is sealed with, while servers run on it or not.
type Keys struct {
	sealer  *sealer
	channel string
}

// KeyState is one key of a database.
type KeyState struct {
	ID      seal.ID
	Current bool // seals what is written now
	Since   time.Time
	There   bool  // the source has it
	Rows    int64 // documents that are sealed with it
}

// OpenKeys learns the keys of a database, as a server does. Close it after use.
func OpenKeys(ctx context.Context, config Config) (*Keys, error) {
	config = config.complete()
	channel, a, err := prepare(ctx, config)
	if err != nil {
		return nil, err
	}
	pool, err := openPool(ctx, a)
	if err != nil {
		return nil, err
	}
	k := &Keys{sealer: newSealer(pool, config, newMetrics(nil)), channel: channel}
	if err := k.sealer.start(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return k, nil
}

// Close ends the connections.
func (k *Keys) Close() { k.sealer.pool.Close() }

// Rotation is what Rotate did.
type Rotation struct {
	Key      seal.ID
	Finished bool // no new key was made: a rotation that had been broken off was finished
	Rows     int
	Bad      []error // documents that do not open; each names its object
}

// settleTime is how long after a rotation a server may still seal with the key before.
const settleTime = 3 * time.Second

// Rotate makes a new key the one that seals and wraps the key of every document anew by it. Broken off
// at any point, everything stays readable, and the next Rotate finishes it. The former key stays until Drop.
func (k *Keys) Rotate(ctx context.Context) (r Rotation, err error) {
	err = k.alone(ctx, func() error {
		if r.Rows, r.Bad, err = k.sealer.resealAll(ctx); err != nil {
			return err
		}
		if r.Finished = r.Rows > 0; !r.Finished {
			if err := k.turn(ctx); err != nil {
				return err
			}
		}
		for waited := false; ; waited = true { // until the last server has turned to the new key
			var n int
			if n, r.Bad, err = k.sealer.resealAll(ctx); err != nil || n == 0 && waited {
				return err
			}
			r.Rows += n
			if err := wait(ctx, settleTime); err != nil {
				return err
			}
		}
	})
	r.Key = k.sealer.current
	return r, err
}

// alone keeps other rotations away.
func (k *Keys) alone(ctx context.Context, f func() error) error {
	// The lock is that of a transaction, which has its session for itself behind a pooler too.
	tx, err := k.sealer.pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("rotate keys: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	var got bool
	if err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock(hashtext('powernode rotation'), hashtext(current_schema()))`).Scan(&got); err != nil {
		return fmt.Errorf("rotate keys: %w", err)
	}
	if !got {
		return errors.New("another rotation is under way on this database: wait until it ends")
	}
	return f()
}

// turn makes a key that nothing is sealed with yet the current one: the newest of the source
// if it came after the present one, as somebody put it there for this; else a new one.
func (k *Keys) turn(ctx context.Context) error {
	keys, err := k.sealer.source.Keys(ctx, nil)
	if err != nil {
		return err
	}
	rows, err := keyRows(ctx, k.sealer.pool)
	if err != nil {
		return err
	}
	var key seal.Key
	var wrapped []byte
	known := func(key seal.Key) bool {
		return slices.ContainsFunc(rows, func(r keyRow) bool { return r.ID == key.ID() })
	}
	if n := len(keys); n > 1 && !known(keys[n-1]) {
		key = keys[n-1]
	} else if key, wrapped, err = k.sealer.source.New(ctx); err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, k.sealer.pool, func(tx pgx.Tx) error {
		if err := addKey(ctx, tx, key, wrapped); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `SELECT pg_notify($1, 'k')`, k.channel)
		return err
	})
	if err != nil {
		return err
	}
	return k.sealer.reload(ctx, 0)
}

// State lists the keys, the oldest first.
func (k *Keys) State(ctx context.Context) ([]KeyState, error) {
	rows, err := keyRows(ctx, k.sealer.pool)
	if err != nil {
		return nil, err
	}
	var states []KeyState
	for _, r := range rows {
		_, there := k.sealer.ring[r.ID]
		n, err := k.count(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		states = append(states, KeyState{r.ID, r.Current, r.At, there, n})
	}
	return states, nil
}

// count counts the documents that are sealed with a key.
func (k *Keys) count(ctx context.Context, id seal.ID) (n int64, err error) {
	for _, c := range sealedColumns {
		var some int64
		err := k.sealer.pool.QueryRow(ctx, fmt.Sprintf(`SELECT count(*) FROM %s WHERE kind = ANY($1) AND substring(%s FROM 1 FOR 9) = $2`, c.table, c.column),
			k.sealer.kinds, append([]byte{1}, id[:]...)).Scan(&some)
		if err != nil {
			return 0, fmt.Errorf("count what key %s seals in %s: %w", id, c.table, err)
		}
		n += some
	}
	return n, nil
}

// dropTime is how long a key must have been out of use before it may be dropped: so
// long no server can still be about to write with it.
const dropTime = time.Minute

// Drop has the database and the source forget a key that seals nothing any more.
func (k *Keys) Drop(ctx context.Context, id seal.ID) error {
	return k.alone(ctx, func() error {
		rows, err := keyRows(ctx, k.sealer.pool)
		if err != nil {
			return err
		}
		known := false
		for _, r := range rows {
			known = known || r.ID == id
			switch {
			case r.Current && r.ID == id:
				return fmt.Errorf("key %s seals what is written now: rotate first", id)
			case r.Current && time.Since(r.At) < dropTime:
				return fmt.Errorf("the last rotation was %v ago: wait until it is %v, as a server may still be writing with a former key", time.Since(r.At).Round(time.Second), dropTime)
			}
		}
		if !known {
			return fmt.Errorf("this database knows no key %s", id)
		}
		n, err := k.count(ctx, id)
		if err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("%d documents are sealed with key %s: rotate first", n, id)
		}
		if _, err := k.sealer.pool.Exec(ctx, `DELETE FROM sealing_keys WHERE id = $1 AND NOT current`, id[:]); err != nil {
			return fmt.Errorf("drop key %s: %w", id, err)
		}
		return k.sealer.source.Drop(ctx, id)
	})
}
