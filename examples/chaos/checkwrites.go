package chaos

import (
	"fmt"
	"strconv"
)

// CheckWrites compares what writers were answered with what has happened.
func CheckWrites(r *Record, h *History) []string {
	var p problems
	made, deletions := map[string]int64{}, map[string]int{}
	for _, c := range h.changes {
		if c.deleted {
			deletions[c.object.Metadata.Name]++
		} else if id := c.object.Data[idKey]; made[id] == 0 {
			made[id] = c.revision
		} else {
			p.add("the write %s of %s was done twice, at %d and at %d", id, c.object.Metadata.Name, made[id], c.revision)
		}
	}
	for _, w := range r.writes {
		at := made[w.id]
		switch {
		case w.verdict == Done && at != w.revision:
			p.add("the write %s of %s was acknowledged at %d, and is in the history at %d", w.id, w.name, w.revision, at)
		case w.verdict == Done && w.revision <= w.before:
			p.add("the write %s of %s is at %d, although %d was acknowledged before it was sent", w.id, w.name, w.revision, w.before)
		case (w.verdict == Refused || w.verdict == Nothing) && at != 0:
			p.add("the write %s of %s was done at %d, and its writer was told that it was not (%s)", w.id, w.name, at, w.verdict)
		}
		delete(made, w.id)
	}
	for id, at := range made {
		p.add("nobody has sent the write %q at %d", id, at)
	}
	for name, t := range r.deletes {
		if n := deletions[name]; n < t.done || n > t.done+t.unknown {
			p.add("%s was deleted %d times; %d deletions were acknowledged, %d have an unknown outcome", name, n, t.done, t.unknown)
		}
	}
	return p.all()
}

// CheckCounters compares the counters with the increments.
func CheckCounters(r *Record, objects []Object) []string {
	var p problems
	values := map[string]string{}
	for _, o := range objects {
		values[o.Metadata.Name] = o.Data[countKey]
	}
	for name, t := range r.counters {
		n, err := strconv.Atoi(values[name])
		if err != nil || n < t.done || n > t.done+t.unknown {
			p.add("%s is %q; %d increments were acknowledged, %d have an unknown outcome", name, values[name], t.done, t.unknown)
		}
	}
	return p.all()
}

// CheckAnswers tells what a server must never say to writers who may write, and only what is
// right: that it failed in itself, or that they may not.
func CheckAnswers(r *Record) []string {
	var p problems
	for _, line := range r.Answers() {
		var verb string
		var code int
		if _, err := fmt.Sscan(line, &verb, &code); err != nil {
			p.add("%s: %v", line, err)
		}
		switch code {
		case 0, 200, 201, 404, 409, 429, 503, 504:
		default:
			p.add("the answer %s", line)
		}
	}
	return p.all()
}
