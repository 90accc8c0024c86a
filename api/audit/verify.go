package audit

import (
	"context"
	"errors"
	"fmt"
)

// Source is a log of records that can be read.
type Source interface {
	// Records are the entries that a query selects.
	Records(ctx context.Context, q Query) ([]Entry, error)
	// Links are the links with records after a number, the oldest first, at most limit.
	Links(ctx context.Context, after int64, limit int) (Chain, error)
}

// Broken says at which record a log does not prove itself.
type Broken struct {
	ID  int64
	Why string
}

// Error implements error.
func (b *Broken) Error() string { return fmt.Sprintf("record %d %s", b.ID, b.Why) }

// ErrShortened: old records were dropped while the chain was followed. Begin again.
var ErrShortened = errors.New("old records were dropped meanwhile; verify again")

// Report is what Verify has found to be whole.
type Report struct {
	Anchor  Head  `json:"anchor"` // where it begins: nothing is said about records up to here
	Head    Head  `json:"head"`
	Records int64 `json:"records"`
	Links   int64 `json:"links"`
}

// pageSize is how many links, or records, are read at a time.
const pageSize = 500

// Verify follows the chain from its beginning to the head that it has now. The
// error is a *Broken at the first record that does not fit.
func Verify(ctx context.Context, log Source) (Report, error) {
	first, err := log.Links(ctx, 0, pageSize)
	if err != nil {
		return Report{}, err
	}
	if err := nothingBefore(ctx, log, first.Anchor); err != nil {
		return Report{}, err
	}
	v := verifier{log: log, report: Report{Anchor: first.Anchor, Head: first.Anchor}, seen: first.Anchor.ID}
	for page := first; v.report.Head.ID < first.Head.ID; {
		if len(page.Links) == 0 {
			return v.report, &Broken{first.Head.ID, "is said to be the last, but links before it are missing"}
		}
		if err := v.page(ctx, page.Links); err != nil {
			return v.report, err
		}
		if page, err = log.Links(ctx, v.report.Head.ID, pageSize); err != nil {
			return v.report, err
		}
		if page.Anchor != first.Anchor {
			return v.report, ErrShortened
		}
	}
	return v.report, v.end(ctx, first.Head)
}

// nothingBefore checks that no record lies before the anchor.
func nothingBefore(ctx context.Context, log Source, anchor Head) error {
	before, err := log.Records(ctx, Query{Before: anchor.ID + 1, Limit: 1})
	if err != nil || len(before) == 0 {
		return err
	}
	return &Broken{before[0].ID, fmt.Sprintf("was added: the log begins after %d", anchor.ID)}
}

// verifier walks along a log; report.Head is how far it has come.
type verifier struct {
	log     Source
	report  Report
	seen    int64   // the last record that was checked
	entries []Entry // behind it, read ahead
}

// page checks links that follow each other.
func (v *verifier) page(ctx context.Context, links []Link) error {
	for _, l := range links {
		if len(l.Sums) == 0 {
			return &Broken{v.report.Head.ID, "is followed by a link without records"}
		}
		last := l.Sums[len(l.Sums)-1].ID
		if Next(v.report.Head.Hash, l.Sums) != l.Head {
			return &Broken{l.Sums[0].ID, fmt.Sprintf("begins a link (to %d) that does not continue the chain: links were changed, removed, added or moved", last)}
		}
		for _, s := range l.Sums {
			if err := v.record(ctx, s, links); err != nil {
				return err
			}
		}
		v.report.Head = Head{last, l.Head}
		v.report.Links++
	}
	if len(v.entries) > 0 {
		return added(v.entries[0])
	}
	return nil
}

// record checks that the next record of the log is the one that the chain says.
func (v *verifier) record(ctx context.Context, want Sum, links []Link) error {
	if len(v.entries) == 0 {
		tail := links[len(links)-1].Sums
		if err := v.read(ctx, tail[len(tail)-1].ID); err != nil {
			return err
		}
	}
	switch {
	case len(v.entries) == 0 || v.entries[0].ID > want.ID:
		return &Broken{want.ID, "was removed"}
	case v.entries[0].ID < want.ID:
		return added(v.entries[0])
	case HashOf(v.entries[0].Document) != want.Hash:
		return &Broken{want.ID, "was changed"}
	}
	v.seen, v.entries = want.ID, v.entries[1:]
	v.report.Records++
	return nil
}

// read reads on, up to a record. It begins with the last one that was checked,
// as a second of that number may come behind it.
func (v *verifier) read(ctx context.Context, to int64) (err error) {
	checked := int64(min(v.report.Records, 1))
	v.entries, err = v.log.Records(ctx, Query{After: v.seen - checked, Before: to + 1, Oldest: true, Limit: pageSize})
	if err == nil && checked > 0 && len(v.entries) > 0 && v.entries[0].ID == v.seen {
		v.entries = v.entries[1:]
	}
	return err
}

func added(e Entry) error { return &Broken{e.ID, "was added: the chain does not have it"} }

// end checks that the chain ends where it is said to end, and that no record
// lies behind it but those that came meanwhile.
func (v *verifier) end(ctx context.Context, head Head) error {
	if v.report.Head != head {
		return &Broken{v.report.Head.ID, fmt.Sprintf("ends the chain, which is said to end with %d and another head", head.ID)}
	}
	behind, err := v.log.Records(ctx, Query{After: head.ID, Oldest: true, Limit: 1})
	if err != nil || len(behind) == 0 {
		return err
	}
	next, err := v.log.Links(ctx, head.ID, 1)
	if err != nil {
		return err
	}
	if len(next.Links) == 0 || len(next.Links[0].Sums) == 0 || next.Links[0].Sums[0].ID != behind[0].ID {
		return added(behind[0])
	}
	return nil
}
