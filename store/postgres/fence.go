package postgres

import "slices"

// A fence is a row of members. The rows that a batch's fences name are locked after the counter, so
// that whoever deletes one waits for the batch; a delete that was committed while the
// batch waited for the counter is seen, as locking a row reads its newest version, not that
// of the snapshot. Ops whose fence is gone are left out: they do nothing, and their revisions stay unused.
const (
	aliveSQL = `, alive AS MATERIALIZED (
	SELECT m.id FROM members m, c WHERE m.id = ANY($%d::text[]) FOR KEY SHARE OF m
)`
	fenceSQL = ` WHERE t.fence = '' OR t.fence IN (SELECT id FROM alive)`
)

// fencesOf are the fences of a batch, op by op; nil when there are none.
func fencesOf(batch []*op) []string {
	if !slices.ContainsFunc(batch, func(o *op) bool { return o.fence != "" }) {
		return nil
	}
	fences := make([]string, len(batch))
	for i, o := range batch {
		fences[i] = o.fence
	}
	return fences
}

// shutOut reports that the member that an op was fenced by was none.
func (c committed) shutOut(o *op) bool { return o.fence != "" && !slices.Contains(c.alive, o.fence) }
