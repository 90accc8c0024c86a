package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/failpoint"
	"github.com/powernode/powernode/store"
)

// resolveTime is how long the outcome of a batch is looked for after the
// connection was lost in the middle of it, and how long a batch is tried that
// loses its connection each time.
const resolveTime = 10 * time.Second

// abandonSQL says on the row that every batch locks first that one must not happen any more. Whatever
// is still on its way then, is over after an hour at the latest.
const abandonSQL = `
UPDATE counter SET (abandoned, abandoned_at) = (
	SELECT array_agg(id), array_agg(at) FROM (
		SELECT $1::uuid, clock_timestamp()
		UNION ALL SELECT * FROM unnest(abandoned, abandoned_at) AS o (id, at) WHERE at > now() - interval '1 hour'
		ORDER BY 2 DESC LIMIT 100
	) AS kept (id, at))`

// uncertain reports whether an error leaves open what became of the batch: the connection broke,
// or a server or pooler says so of its own.
func (b *batcher) uncertain(err error) bool {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || b.link.lost() {
		return true
	}
	return strings.HasPrefix(refused.Code, "08") || strings.HasPrefix(refused.Code, "57P")
}

// resolve finds out what became of a batch whose answer was lost. One that has happened, or of
// which nobody knows, it answers; else it is abandoned: it will never happen, and may be sent again.
func (b *batcher) resolve(ctx context.Context, batch []*op, id uuid.UUID, after store.Revision) (abandoned bool) {
	b.link.drop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resolveTime)
	defer cancel()
	for {
		found, err := b.outcomeOf(ctx, id, after)
		switch {
		case err == nil && len(found) == 0:
			return true
		case err == nil:
			b.answerFound(batch, found)
			return false
		}
		b.link.drop()
		if wait(ctx, 100*time.Millisecond) != nil {
			fail(batch, fmt.Errorf("%w: %w", api.ErrUnknownOutcome, err))
			return false
		}
	}
}

// outcomeOf reads which writes of a batch were taken; when there are none, the batch is abandoned.
func (b *batcher) outcomeOf(ctx context.Context, id uuid.UUID, after store.Revision) (found map[api.Key]store.Revision, err error) {
	conn, err := b.link.get(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.link.endFormer(ctx); err != nil {
		return nil, err
	}
	if err := failpoint.Hit("resolve.before"); err != nil {
		return nil, err
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		// A batch that is past this row is over when we have it; the others will find what we leave there.
		if _, err := tx.Exec(ctx, `SELECT v FROM counter FOR UPDATE`); err != nil {
			return err
		}
		if found, err = takenBy(ctx, tx, id, after); err != nil || len(found) > 0 {
			return err
		}
		_, err := tx.Exec(ctx, abandonSQL, [16]byte(id))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look up the outcome: %w", err)
	}
	return found, failpoint.Hit("resolve.after")
}

// takenBy are the writes of a batch that were taken. The zero Key stands for its records.
func takenBy(ctx context.Context, tx pgx.Tx, id uuid.UUID, after store.Revision) (map[api.Key]store.Revision, error) {
	rows, err := tx.Query(ctx, `
		SELECT rev, kind, ns, name FROM changes WHERE rev > $1 AND batch = $2
		UNION ALL SELECT last, '', '', '' FROM audit_links WHERE last > $1 AND batch = $2`, after, [16]byte(id))
	if err != nil {
		return nil, err
	}
	found := map[api.Key]store.Revision{}
	var r store.Revision
	var key api.Key
	_, err = pgx.ForEachRow(rows, []any{&r, &key.Kind, &key.Namespace, &key.Name}, func() error {
		found[key] = r
		return nil
	})
	return found, err
}

// answerFound answers the ops of a batch that was committed.
func (b *batcher) answerFound(batch []*op, found map[api.Key]store.Revision) {
	for _, o := range batch {
		r, taken := found[o.key]
		if !taken {
			o.outcome <- outcome{err: errLost}
			continue
		}
		b.store.follow.nudge(r)
		if o.record != nil {
			b.store.metrics.records.Inc()
		}
		if o.alone() {
			o.outcome <- outcome{}
			continue
		}
		b.store.sealer.found(o.key)
		o.outcome <- outcome{object: o.change.At(r).New}
	}
}

// wait is a sleep that ends with ctx.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
