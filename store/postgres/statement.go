package postgres

import "fmt"

// The statement that commits a batch, in parts. The counter is locked first: all else depends on its
// row (and there is none for a batch that was abandoned). An op whose object is not in the expected state does nothing; its revision stays unused.
// (IS TRUE keeps the planner from making a join of the look-up in a hash.)
const (
	counterSQL = `
WITH c AS (
	UPDATE counter SET v = v + $1 WHERE $12 <> ALL (abandoned) RETURNING v - $1 AS base
)`
	opsSQL = `, ops AS MATERIALIZED (
	SELECT c.base + t.ord AS rev, t.* FROM c, unnest(
		$2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
		$7::bigint[], $8::bytea[], $9::bytea[], $10::bigint[], $11::text[]%s
	) WITH ORDINALITY AS t (op, kind, ns, name, uid, expect, data, prev, generation, by%s, ord)%s`
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

// shape is what a batch has beside changes.
type shape struct{ audited, fenced bool }

// Parameters of the statement without fences: those of every batch, and those with records.
const (
	plainArguments   = 14
	auditedArguments = plainArguments + 11
)

// statements are the texts that commit batches of each shape. What has no fence pays for none.
func statements() map[shape]string {
	all := map[shape]string{}
	for _, s := range []shape{{false, false}, {true, false}, {false, true}, {true, true}} {
		records, arguments := "", plainArguments
		if s.audited {
			records, arguments = auditSQL, auditedArguments
		}
		alive, ops, answer := "", fmt.Sprintf(opsSQL, "", "", ""), ""
		if s.fenced {
			alive = fmt.Sprintf(aliveSQL, arguments+1)
			ops = fmt.Sprintf(opsSQL, fmt.Sprintf(", $%d::text[]", arguments+1), ", fence", fenceSQL)
			answer = `, ARRAY(SELECT id FROM alive)`
		}
		all[s] = counterSQL + alive + ops + winSQL + records + answerSQL + answer + endSQL
	}
	return all
}
