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
	"github.com/powernode/powernode/store"
)

// commitTime bounds one statement; after it the connection is given up and the outcome looked up.
const commitTime = 30 * time.Second

// The statement that commits a batch, in parts. The counter is locked first: all else depends on its
// row. An op whose object is not in the expected state does nothing; its revision stays unused.
// (IS TRUE keeps the planner from making a join of the look-up in a hash.)
const (
	counterSQL = `
WITH c AS (
	UPDATE counter SET v = v + $1 RETURNING v - $1 AS base
)`
	opsSQL = `, ops AS MATERIALIZED (
	SELECT c.base + t.ord AS rev, t.* FROM c, unnest(
		$2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
		$7::bigint[], $8::bytea[], $9::bytea[], $10::bigint[], $11::text[]
	) WITH ORDINALITY AS t (op, kind, ns, name, uid, expect, data, prev, generation, by, ord)`
	winSQL = `
), created AS (
	INSERT INTO objects (kind, ns, name, uid, rev, data)
	SELECT kind, ns, name, uid, rev, data FROM ops WHERE op = 'A'
	ON CONFLICT DO NOTHING RETURNING rev
), updated AS (
	UPDATE objects o SET rev = ops.rev, data = ops.data FROM ops
	WHERE ops.op = 'M' AND o.kind = ops.kind AND o.ns = ops.ns AND o.name = ops.name AND o.rev = ops.expect
	RETURNING o.rev
), deleted AS (
	DELETE FROM objects o USING ops
	WHERE ops.op = 'D' AND o.kind = ops.kind AND o.ns = ops.ns AND o.name = ops.name AND o.rev = ops.expect
	RETURNING ops.rev
), won AS (
	SELECT rev FROM created UNION ALL SELECT rev FROM updated UNION ALL SELECT rev FROM deleted
), logged AS (
	INSERT INTO changes (rev, kind, ns, name, op, data, prev_rev, prev, batch)
	SELECT rev, kind, ns, name, op::"char", data, expect, prev, $12 FROM ops WHERE (rev IN (SELECT rev FROM won)) IS TRUE
	RETURNING rev
), kept AS (
	INSERT INTO versions (kind, ns, name, rev, uid, generation, at, by, data)
	SELECT kind, ns, name, rev, uid, generation, $13, by, data FROM ops
	WHERE generation > 0 AND (rev IN (SELECT rev FROM won)) IS TRUE
)`
	// The answer to a batch, which tells all servers of it.
	answerSQL = `
SELECT base, ARRAY(SELECT rev FROM logged), pg_notify($14, 'r' || (base + $1)::text)`
	endSQL = ` FROM c`
)

// commit brings a batch into the database and into memory, and answers its ops.
func (b *batcher) commit(ctx context.Context, batch []*op) {
	start, id, before := time.Now(), uuid.New(), b.store.hub.Position()
	done, err := b.send(ctx, batch, id)
	if missing(err) {
		if err = errors.Join(b.store.parts.ensure(ctx), b.store.weeks.ensure(ctx)); err == nil {
			done, err = b.send(ctx, batch, id)
		}
	}
	b.store.metrics.batch(len(batch), time.Since(start))
	var refused *pgconn.PgError
	switch {
	case err == nil:
		b.settleBatch(batch, done)
	case errors.Is(err, errUnsent):
		fail(batch, err)
	case !errors.As(err, &refused) || b.link.lost():
		b.resolve(ctx, batch, id, before)
	case len(batch) == 1:
		fail(batch, err)
	default: // one of them is bad: the others shall not suffer
		for _, o := range batch {
			b.commit(ctx, []*op{o})
		}
	}
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
	conn, err := b.link.get(ctx)
	if err != nil {
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
	err = conn.QueryRow(ctx, sql, arguments...).Scan(results...)
	return done, err
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
	if !b.store.hub.Apply(base, changes, end) {
		b.store.follow.nudge(end)
	}
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
