package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// resolveTime is how long the outcome of a batch is looked for after the
// connection was lost in the middle of it.
const resolveTime = 10 * time.Second

// lost reports that the connection broke.
func (l *link) lost() bool { return l.conn == nil || l.conn.IsClosed() }

// resolve finds out what became of a batch whose answer was lost. A batch is in
// the log as a whole or not at all; one that is not there is committed again,
// as soon as its first try can no longer happen.
func (b *batcher) resolve(ctx context.Context, batch []*op, id uuid.UUID, before store.Revision) {
	b.link.drop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resolveTime)
	defer cancel()
	var err error
	for ctx.Err() == nil {
		var found map[api.Key]store.Revision
		if found, err = b.lookUp(ctx, id, before); err == nil && len(found) > 0 {
			b.answerFound(batch, found)
			return
		}
		if err == nil {
			var done committed
			if done, err = b.send(ctx, batch, id); err == nil {
				b.settleBatch(batch, done)
				return
			}
			if !b.link.lost() { // the database itself refuses it
				fail(batch, err)
				return
			}
		}
		b.link.drop()
		wait(ctx, 100*time.Millisecond)
	}
	fail(batch, fmt.Errorf("%w: %w", api.ErrUnknownOutcome, err))
}

// lookUp reads which writes of a batch were taken, when the first try is over for certain.
// The zero Key stands for its records.
func (b *batcher) lookUp(ctx context.Context, id uuid.UUID, after store.Revision) (map[api.Key]store.Revision, error) {
	conn, err := b.link.get(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.endFormer(ctx, conn); err != nil {
		return nil, err
	}
	rows, err := conn.Query(ctx, `
		SELECT rev, kind, ns, name FROM changes WHERE rev > $1 AND batch = $2
		UNION ALL SELECT last, '', '', '' FROM audit_links WHERE last > $1 AND batch = $2`, after, [16]byte(id))
	if err != nil {
		return nil, fmt.Errorf("look up the outcome: %w", err)
	}
	found := map[api.Key]store.Revision{}
	var r store.Revision
	var key api.Key
	_, err = pgx.ForEachRow(rows, []any{&r, &key.Kind, &key.Namespace, &key.Name}, func() error {
		found[key] = r
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look up the outcome: %w", err)
	}
	return found, nil
}

// endFormer ends what is left of our former connections in the database, and waits until they are gone.
func (b *batcher) endFormer(ctx context.Context, conn *pgx.Conn) error {
	for {
		var left int
		err := conn.QueryRow(ctx, `
			SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE application_name = $1 AND pid <> pg_backend_pid()`, b.link.name).Scan(&left)
		if err != nil {
			return fmt.Errorf("end the former connection: %w", err)
		}
		if left == 0 {
			return nil
		}
		if err := wait(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
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
