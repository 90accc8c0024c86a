package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/failpoint"
	"github.com/powernode/powernode/store"
)

// commitTime bounds one statement; after it the connection is given up and the outcome looked up.
const commitTime = 30 * time.Second

// commit brings a batch into the database and into memory, and answers its ops.
func (b *batcher) commit(ctx context.Context, batch []*op) {
	var since time.Time // its connection was lost
	for {
		id, before := uuid.New(), b.store.hub.Position()
		done, err := b.try(ctx, batch, id)
		switch {
		case err == nil:
			b.settleBatch(batch, done)
			return
		case errors.Is(err, errUnsent):
			fail(batch, err)
			return
		case keptBack(err):
			fail(batch, fmt.Errorf("%w: %w", errUnsent, err))
			return
		case !b.uncertain(err):
			b.split(ctx, batch, err)
			return
		case !b.resolve(ctx, batch, id, before):
			return
		case since.IsZero():
			since = time.Now()
		case time.Since(since) > resolveTime: // what ends the connection may lie in one of them
			b.split(ctx, batch, fmt.Errorf("%w: %w", errUnsent, err))
			return
		}
	}
}

// split commits the ops of a batch that can't be committed one by one: if one of them is bad, the
// others shall not suffer.
func (b *batcher) split(ctx context.Context, batch []*op, err error) {
	if len(batch) == 1 {
		fail(batch, err)
		return
	}
	for _, o := range batch {
		b.commit(ctx, []*op{o})
	}
}

// try sends a batch, once more after partitions were made that it lacked.
func (b *batcher) try(ctx context.Context, batch []*op, id uuid.UUID) (committed, error) {
	start := time.Now()
	done, err := b.send(ctx, batch, id)
	if missing(err) {
		if err = errors.Join(b.store.parts.ensure(ctx), b.store.weeks.ensure(ctx)); err != nil {
			return done, fmt.Errorf("%w: %w", errUnsent, err)
		}
		done, err = b.send(ctx, batch, id)
	}
	b.store.metrics.batch(len(batch), time.Since(start))
	return done, err
}

// errUnsent: the database never saw the batch.
var errUnsent = fmt.Errorf("nothing was written: %w", api.ErrUnavailable)

// committed is what the database made of a batch.
type committed struct {
	base  store.Revision   // the one before the batch's first
	won   []store.Revision // that were taken
	alive []string         // the members that fences of the batch name, without those that are none
}

// send executes the statement.
func (b *batcher) send(ctx context.Context, batch []*op, id uuid.UUID) (done committed, err error) {
	if _, err := b.link.get(ctx); err != nil {
		return done, fmt.Errorf("%w: %w", errUnsent, err)
	}
	// A stop of the server does not cut a commit off in the middle.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTime)
	defer cancel()
	arguments, results := b.arguments(batch, id), []any{&done.base, &done.won, nil}
	records, fences := recordsOf(batch), fencesOf(batch)
	arguments = append(arguments, records...)
	if fences != nil {
		arguments, results = append(arguments, fences), append(results, &done.alive)
	}
	sql := b.statements[shape{records != nil, fences != nil}]
	if err := failpoint.Hit("commit.before"); err != nil {
		return done, fmt.Errorf("%w: %w", errUnsent, err)
	}
	err = b.link.row(ctx, sql, arguments, results)
	return done, failpoint.After("commit.after", err) // an error there is that of an answer which got lost
}

// arguments lays the ops out in columns.
func (b *batcher) arguments(batch []*op, id uuid.UUID) []any {
	n := len(batch)
	op, kind, ns, name := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	uid, by := make([]string, n), make([]string, n)
	expect, generation := make([]int64, n), make([]int64, n)
	data, prev := make([][]byte, n), make([][]byte, n)
	for i, o := range batch {
		if o.alone() {
			continue
		}
		op[i], kind[i], ns[i], name[i] = opOf[o.change.Type], o.key.Kind, o.key.Namespace, o.key.Name
		uid[i], by[i], expect[i] = string(o.change.New.UID), o.by, int64(o.expect)
		data[i], prev[i] = o.data, o.prev
		if o.change.Version {
			generation[i] = o.change.New.Generation
		}
	}
	return []any{int64(n), op, kind, ns, name, uid, expect, data, prev, generation, by, [16]byte(id), time.Now(), b.store.channel}
}

// settleBatch takes a committed batch into memory, and answers its ops. When other servers
// were in between, the memory first needs their changes: then it reads these from the log.
func (b *batcher) settleBatch(batch []*op, done committed) {
	taken, base := map[store.Revision]bool{}, done.base
	for _, r := range done.won {
		taken[r] = true
	}
	var changes []store.Change
	answers := make([]outcome, len(batch))
	for i, o := range batch {
		r := base + store.Revision(i) + 1
		if done.shutOut(o) {
			answers[i].err = store.FencedOff(o.key, o.fence)
			continue
		}
		if o.alone() {
			continue
		}
		if !taken[r] {
			answers[i].err = errLost
			continue
		}
		c := o.change.At(r)
		b.store.sealer.found(o.key)
		changes = append(changes, c)
		answers[i].object = c.New
	}
	end := base + store.Revision(len(batch))
	failpoint.At("memory.before")
	if !b.store.hub.Apply(base, changes, end) {
		b.store.follow.nudge(end)
	}
	failpoint.At("memory.after")
	b.store.parts.reached(end)
	for i, o := range batch {
		if o.record != nil && answers[i].err == nil {
			b.store.metrics.records.Inc()
		}
		o.outcome <- answers[i]
	}
}

func fail(batch []*op, err error) {
	for _, o := range batch {
		o.outcome <- outcome{err: fmt.Errorf("%s: %w", o, err)}
	}
}

// missing reports whether a partition of the log of changes, or of the audit log, was missing.
func missing(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == "23514" && strings.Contains(refused.Message, "no partition")
}

// revisionOf is the revision of an object that came out of the store.
func revisionOf(o *api.Object) (store.Revision, error) {
	r, err := strconv.ParseInt(o.ResourceVersion, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: resourceVersion %q: %w", o.Key(), o.ResourceVersion, api.ErrInvalid)
	}
	return store.Revision(r), nil
}
