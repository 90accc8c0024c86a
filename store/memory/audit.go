package memory

import (
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/powernode/powernode/api/audit"
	"github.com/powernode/powernode/store"
)

// Audit is the log of records of the store.
func (s *Store) Audit() store.Audit { return &records{store: s} }

// records implements store.Audit.
type records struct{ store *Store }

// trail is what a Store keeps of records; each is a link of its own.
type trail struct {
	entries []audit.Entry
	links   []audit.Link
	head    audit.Head
}

// add appends a record under a number.
func (t *trail) add(id int64, e audit.Entry) {
	e.ID = id
	link := audit.Append(t.head.Hash, e)
	t.entries, t.links = append(t.entries, e), append(t.links, link)
	t.head = audit.Head{ID: id, Hash: link.Head}
}

// Append implements store.Audit.
func (a *records) Append(ctx context.Context, r audit.Record) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("keep an audit record: %w", err)
	}
	e, err := audit.Encode(r)
	if err != nil {
		return err
	}
	a.store.writing.Lock()
	defer a.store.writing.Unlock()
	a.store.append(e)
	return nil
}

// Records implements store.Audit.
func (a *records) Records(_ context.Context, q audit.Query) ([]audit.Entry, error) {
	a.store.writing.Lock()
	entries := a.store.trail.entries
	a.store.writing.Unlock()
	var found []audit.Entry
	for i := range entries {
		e := entries[i]
		if !q.Oldest {
			e = entries[len(entries)-1-i]
		}
		if q.Matches(e.Record) {
			found = append(found, e)
		}
		if q.Limit > 0 && len(found) == q.Limit {
			break
		}
	}
	return found, nil
}

// Links implements store.Audit.
func (a *records) Links(_ context.Context, after int64, limit int) (audit.Chain, error) {
	a.store.writing.Lock()
	defer a.store.writing.Unlock()
	t := a.store.trail
	from := sort.Search(len(t.links), func(i int) bool { return t.links[i].Sums[0].ID > after })
	return audit.Chain{Links: slices.Clone(t.links[from:min(len(t.links), from+limit)]), Head: t.head}, nil
}
