package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/api/audit"
	"github.com/powernode/powernode/store"
)

// auditSQL joins the statement of a batch where a batch has records. A record is taken
// when its write has won, or when it has none. The row of the chain is
// locked after the counter by every batch, so the links follow each other in
// the order of revisions, and each continues the head that was committed last.
const auditSQL = `, records AS MATERIALIZED (
	SELECT ops.rev AS id, r.* FROM unnest(
		$15::bigint[], $16::timestamptz[], $17::text[], $18::text[], $19::text[], $20::text[],
		$21::text[], $22::text[], $23::text[], $24::integer[], $25::bytea[]
	) AS r (ord, at, username, impersonated_by, verb, resource, ns, name, request_id, code, document), ops
	WHERE ops.ord = r.ord AND (ops.op = '' OR (ops.rev IN (SELECT rev FROM won)) IS TRUE)
), sums AS MATERIALIZED (
	SELECT max(id) AS last, string_agg(int8send(id) || sha256(document), ''::bytea ORDER BY id) AS sums FROM records
), link AS (
	UPDATE audit_chain SET last = sums.last, head = sha256(head || sums.sums),
		week = greatest(week, date_trunc('week', now() AT TIME ZONE 'UTC')::date)
	FROM sums WHERE sums.last IS NOT NULL
	RETURNING week, sums.last, sums.sums, head
), linked AS (
	INSERT INTO audit_links (week, last, sums, head, batch) SELECT week, last, sums, head, $12 FROM link
), recorded AS (
	INSERT INTO audit (week, id, at, username, impersonated_by, verb, resource, ns, name, request_id, code, document)
	SELECT link.week, id, at, username, impersonated_by, verb, resource, ns, name, request_id, code, document FROM link, records
)`

// recordsOf lays the records of a batch out in columns; nil when there are none.
func recordsOf(batch []*op) []any {
	var ord []int64
	var code []int32
	var at []any
	var text [7][]string
	var document [][]byte
	for i, o := range batch {
		if o.record == nil {
			continue
		}
		r := o.record
		ord, at, code = append(ord, int64(i+1)), append(at, r.At), append(code, int32(r.Code))
		for n, s := range columns(r.Record) {
			text[n] = append(text[n], s)
		}
		document = append(document, r.Document)
	}
	if ord == nil {
		return nil
	}
	return []any{ord, at, text[0], text[1], text[2], text[3], text[4], text[5], text[6], code, document}
}

// columns are the texts that a record is found by, in the order of columnNames.
func columns(r audit.Record) [7]string {
	return [7]string{r.User, r.ImpersonatedBy, r.Verb, r.Resource, r.Namespace, r.Name, r.RequestID}
}

const columnNames = `username, impersonated_by, verb, resource, ns, name, request_id`

// trail implements store.Audit.
type trail struct{ store *Store }

var _ store.Audit = trail{}

// Audit is the log of records in the same database.
func (s *Store) Audit() store.Audit { return trail{s} }

// Append implements store.Audit.
func (t trail) Append(ctx context.Context, r audit.Record) error {
	e, err := audit.Encode(r)
	if err != nil {
		return err
	}
	return t.store.writer.note(ctx, e)
}

// Records implements store.Audit. The columns that records are found by are no part of the
// chain; a record whose columns do not say what its document says is a *audit.Broken.
func (t trail) Records(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	sql, args := recordsSQL(q)
	rows, err := t.store.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read audit records: %w", away(err))
	}
	entries, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (audit.Entry, error) {
		var id int64
		var document []byte
		var at time.Time
		var c [7]string
		var code int
		if err := row.Scan(&id, &document, &at, &c[0], &c[1], &c[2], &c[3], &c[4], &c[5], &c[6], &code); err != nil {
			return audit.Entry{}, away(err)
		}
		e, err := audit.Decode(id, document)
		if err != nil || c != columns(e.Record) || !at.Equal(e.At) || code != e.Code {
			return e, &audit.Broken{ID: id, Why: "was changed: what it is found by is not what it says"}
		}
		return e, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read audit records: %w", err)
	}
	return entries, nil
}

// recordsSQL is the statement that answers a query.
func recordsSQL(q audit.Query) (sql string, args []any) {
	var where []string
	add := func(condition string, value any) {
		args = append(args, value)
		where = append(where, strings.ReplaceAll(condition, "?", fmt.Sprint("$", len(args))))
	}
	if !q.Since.IsZero() { // a week is that of the commit, which is not before the call but by another clock
		add(`at >= ? AND week >= date_trunc('week', ?::timestamptz AT TIME ZONE 'UTC' - interval '1 day')::date`, q.Since)
	}
	if !q.Until.IsZero() {
		add(`at < ?`, q.Until)
	}
	if q.User != "" {
		add(`(username = ? OR impersonated_by = ?)`, q.User)
	}
	for _, c := range []struct{ column, value string }{
		{"verb", q.Verb}, {"resource", q.Resource}, {"ns", q.Namespace}, {"name", q.Name}, {"request_id", q.RequestID},
	} {
		if c.value != "" {
			add(c.column+` = ?`, c.value)
		}
	}
	if from, to := q.Codes(); q.Code != 0 {
		add(`code >= ?`, from)
		add(`code <= ?`, to)
	}
	add(`id > ?`, q.After)
	if q.Before != 0 {
		add(`id < ?`, q.Before)
	}
	sql = `SELECT id, document, at, ` + columnNames + `, code FROM audit WHERE ` + strings.Join(where, ` AND `) + ` ORDER BY id`
	if !q.Oldest {
		sql += ` DESC`
	}
	if q.Limit > 0 {
		sql += fmt.Sprint(` LIMIT `, q.Limit)
	}
	return sql, args
}

// linksSQL reads links together with the beginning and the end of the chain in the same snapshot.
const linksSQL = `
SELECT anchor, anchor_head, c.last, c.head, l.last, l.sums, l.head
FROM audit_chain c LEFT JOIN LATERAL (
	SELECT last, sums, head FROM audit_links WHERE last > $1 ORDER BY last LIMIT $2
) l ON true ORDER BY l.last`

// Links implements store.Audit.
func (t trail) Links(ctx context.Context, after int64, limit int) (audit.Chain, error) {
	rows, err := t.store.pool.Query(ctx, linksSQL, after, limit)
	if err != nil {
		return audit.Chain{}, fmt.Errorf("read the audit chain: %w", away(err))
	}
	var c audit.Chain
	var anchor, end, sums, head []byte
	var last *int64
	_, err = pgx.ForEachRow(rows, []any{&c.Anchor.ID, &anchor, &c.Head.ID, &end, &last, &sums, &head}, func() error {
		copy(c.Anchor.Hash[:], anchor)
		copy(c.Head.Hash[:], end)
		if last == nil {
			return nil
		}
		link := audit.Link{}
		copy(link.Head[:], head)
		var err error
		if link.Sums, err = audit.Unpack(sums); err != nil {
			return &audit.Broken{ID: *last, Why: "ends a link that was changed: " + err.Error()}
		}
		c.Links = append(c.Links, link)
		return nil
	})
	if err != nil {
		return audit.Chain{}, fmt.Errorf("read the audit chain: %w", away(err))
	}
	return c, nil
}
