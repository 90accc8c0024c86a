package audit_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/powernode/powernode/api/audit"
)

// log is a Source that can be tampered with.
type log struct {
	chain   audit.Chain
	entries []audit.Entry
}

func (l *log) Records(_ context.Context, q audit.Query) ([]audit.Entry, error) {
	var found []audit.Entry
	for _, e := range l.entries {
		if q.Matches(e.Record) {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b audit.Entry) int { return int(a.ID - b.ID) })
	if !q.Oldest {
		slices.Reverse(found)
	}
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	return found, nil
}

func (l *log) Links(_ context.Context, after int64, limit int) (audit.Chain, error) {
	c := l.chain
	c.Links = nil
	for _, link := range l.chain.Links {
		if n := len(link.Sums); (n == 0 || link.Sums[n-1].ID > after) && len(c.Links) < limit {
			c.Links = append(c.Links, link)
		}
	}
	return c, nil
}

func entry(t interface{ Fatal(...any) }, id int64, message string) audit.Entry {
	e, err := audit.Encode(audit.Record{At: time.Unix(id, 0), Verb: "update", Resource: "pipelines", Name: "a", Message: message})
	if err != nil {
		t.Fatal(err)
	}
	e.ID = id
	return e
}

// draw makes a log of some links whose numbers have holes.
func draw(t *rapid.T) *log {
	l := &log{chain: audit.Chain{Anchor: audit.Head{ID: rapid.Int64Range(0, 9).Draw(t, "anchor")}}}
	if l.chain.Anchor.ID > 0 {
		l.chain.Anchor.Hash = audit.HashOf([]byte("dropped"))
	}
	l.chain.Head = l.chain.Anchor
	for range rapid.IntRange(1, 6).Draw(t, "links") {
		var entries []audit.Entry
		for range rapid.IntRange(1, 4).Draw(t, "records") {
			l.chain.Head.ID += rapid.Int64Range(1, 3).Draw(t, "step")
			entries = append(entries, entry(t, l.chain.Head.ID, rapid.String().Draw(t, "message")))
		}
		link := audit.Append(l.chain.Head.Hash, entries...)
		l.chain.Head.Hash = link.Head
		l.chain.Links = append(l.chain.Links, link)
		l.entries = append(l.entries, entries...)
	}
	return l
}

func TestAWholeLogIsVerified(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := draw(t)
		report, err := audit.Verify(context.Background(), l)
		if err != nil || report.Records != int64(len(l.entries)) || report.Links != int64(len(l.chain.Links)) ||
			report.Head != l.chain.Head || report.Anchor != l.chain.Anchor {
			t.Fatalf("%+v, %v", report, err)
		}
	})
}

// tampering is one thing that can be done to a log; it tells the record that it
// was done to, 0 where that is not one, and false where it changed nothing.
var tampering = map[string]func(t *rapid.T, l *log) (int64, bool){
	"a record is changed": func(t *rapid.T, l *log) (int64, bool) {
		e := &l.entries[rapid.IntRange(0, len(l.entries)-1).Draw(t, "which")]
		e.Document = slices.Clone(e.Document)
		e.Document[rapid.IntRange(1, len(e.Document)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		return e.ID, true
	},
	"a record is removed": func(t *rapid.T, l *log) (int64, bool) {
		i := rapid.IntRange(0, len(l.entries)-1).Draw(t, "which")
		id := l.entries[i].ID
		l.entries = slices.Delete(l.entries, i, i+1)
		return id, true
	},
	"a record is added": func(t *rapid.T, l *log) (int64, bool) {
		id := rapid.Int64Range(1, l.chain.Head.ID+5).Draw(t, "number")
		for _, e := range l.entries {
			if e.ID == id {
				return 0, false
			}
		}
		l.entries = append(l.entries, entry(t, id, "added"))
		return id, true
	},
	"two records change places": func(t *rapid.T, l *log) (int64, bool) {
		i, j := rapid.IntRange(0, len(l.entries)-1).Draw(t, "one"), rapid.IntRange(0, len(l.entries)-1).Draw(t, "other")
		a, b := &l.entries[min(i, j)], &l.entries[max(i, j)]
		a.ID, b.ID = b.ID, a.ID
		return b.ID, string(a.Document) != string(b.Document)
	},
	"a record is told twice": func(t *rapid.T, l *log) (int64, bool) {
		i := rapid.IntRange(0, len(l.entries)-1).Draw(t, "which")
		l.entries = slices.Insert(l.entries, i, l.entries[i])
		return l.entries[i].ID, true
	},
	"a link is removed with its records": func(t *rapid.T, l *log) (int64, bool) {
		i := rapid.IntRange(0, len(l.chain.Links)-1).Draw(t, "which")
		gone := l.chain.Links[i]
		l.chain.Links = slices.Delete(slices.Clone(l.chain.Links), i, i+1)
		l.entries = slices.DeleteFunc(l.entries, func(e audit.Entry) bool {
			return e.ID >= gone.Sums[0].ID && e.ID <= gone.Sums[len(gone.Sums)-1].ID
		})
		return 0, true
	},
	"the last link is removed, and the head set back": func(t *rapid.T, l *log) (int64, bool) {
		l.chain.Links = l.chain.Links[:len(l.chain.Links)-1]
		if len(l.chain.Links) == 0 {
			return 0, false
		}
		last := l.chain.Links[len(l.chain.Links)-1]
		l.chain.Head = audit.Head{ID: last.Sums[len(last.Sums)-1].ID, Hash: last.Head}
		return 0, true
	},
	"two links change places": func(t *rapid.T, l *log) (int64, bool) {
		n := len(l.chain.Links)
		i, j := rapid.IntRange(0, n-1).Draw(t, "one"), rapid.IntRange(0, n-1).Draw(t, "other")
		l.chain.Links = slices.Clone(l.chain.Links)
		l.chain.Links[i], l.chain.Links[j] = l.chain.Links[j], l.chain.Links[i]
		return 0, i != j
	},
	"a record and its link are changed": func(t *rapid.T, l *log) (int64, bool) {
		i := rapid.IntRange(0, len(l.chain.Links)-1).Draw(t, "which")
		sums := slices.Clone(l.chain.Links[i].Sums)
		sums[0].Hash[0] ^= 1
		l.chain.Links[i].Sums = sums
		return sums[0].ID, true
	},
	"the head is another": func(t *rapid.T, l *log) (int64, bool) { l.chain.Head.Hash[0] ^= 1; return 0, true },
	"the anchor is another": func(t *rapid.T, l *log) (int64, bool) {
		l.chain.Anchor.Hash[0] ^= 1
		return 0, true
	},
	"the log begins later": func(t *rapid.T, l *log) (int64, bool) {
		l.chain.Anchor.ID = l.chain.Links[0].Sums[0].ID
		return 0, true
	},
}

func TestWhateverIsDoneToALogIsFound(t *testing.T) {
	for name, tamper := range tampering {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				l := draw(t)
				id, done := tamper(t, l)
				if !done {
					t.Skip("nothing was done")
				}
				_, err := audit.Verify(context.Background(), l)
				var broken *audit.Broken
				if !errors.As(err, &broken) || id != 0 && broken.ID != id {
					t.Fatalf("record %d: %v", id, err)
				}
			})
		})
	}
}

// Records that are committed while the chain is followed are no fault.
func TestALogThatGrowsIsVerified(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := draw(t)
		grown := &growing{log: draw(t), times: rapid.IntRange(0, 6).Draw(t, "when")}
		grown.log = l
		if _, err := audit.Verify(context.Background(), grown); err != nil {
			t.Fatal(err)
		}
	})
}

// growing is a log that gets a record at one of the first times it is read.
type growing struct {
	*log
	times int
}

func (g *growing) grow() {
	if g.times--; g.times == 0 {
		e := entry(nil, g.chain.Head.ID+2, "new")
		link := audit.Append(g.chain.Head.Hash, e)
		g.entries = append(g.entries, e)
		g.chain.Links = append(g.chain.Links, link)
		g.chain.Head = audit.Head{ID: e.ID, Hash: link.Head}
	}
}

func (g *growing) Records(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	g.grow()
	return g.log.Records(ctx, q)
}

func (g *growing) Links(ctx context.Context, after int64, limit int) (audit.Chain, error) {
	g.grow()
	return g.log.Links(ctx, after, limit)
}

// The pages that a long log is read in fit together.
func TestALongLogIsVerified(t *testing.T) {
	l := &log{}
	for id := int64(1); id <= 1800; id++ {
		e := entry(t, id, "")
		if link := audit.Append(l.chain.Head.Hash, e); id%3 > 0 {
			l.chain.Links, l.entries, l.chain.Head = append(l.chain.Links, link), append(l.entries, e), audit.Head{ID: id, Hash: link.Head}
		}
	}
	if r, err := audit.Verify(t.Context(), l); err != nil || r.Records != 1200 {
		t.Fatalf("%+v, %v", r, err)
	}
	l.entries = slices.Delete(l.entries, 1100, 1101)
	var broken *audit.Broken
	if _, err := audit.Verify(t.Context(), l); !errors.As(err, &broken) || broken.ID != 1651 {
		t.Fatal(err)
	}
}
