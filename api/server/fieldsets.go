package server

import (
	"bytes"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// fieldSetsBytes is the budget of fieldSets. A set takes some ten times of its bytes.
const fieldSetsBytes = 1 << 20

// fieldSets keeps the sets of fields that accounts name, by the very bytes that say them: so none can
// be of another account. Objects that the same client makes mostly have the same. It holds on to at
// most about two budgets of bytes; what was not asked for lately goes first.
type fieldSets struct {
	budget int

	mu         sync.Mutex
	young, old map[string]*fieldpath.Set
	size       int // of young
}

// of is the set of an entry, which must not be changed; nil when it can't be read.
func (f *fieldSets) of(entry metav1.ManagedFieldsEntry) *fieldpath.Set {
	if entry.FieldsV1 == nil {
		return fieldpath.NewSet()
	}
	raw := entry.FieldsV1.GetRawBytes()
	set := f.known(raw)
	if set == nil {
		set = &fieldpath.Set{}
		if set.FromJSON(bytes.NewReader(raw)) != nil {
			return nil
		}
	}
	f.keep(string(raw), set)
	return set
}

func (f *fieldSets) known(raw []byte) *fieldpath.Set {
	f.mu.Lock()
	defer f.mu.Unlock()
	if set, ok := f.young[string(raw)]; ok {
		return set
	}
	return f.old[string(raw)]
}

func (f *fieldSets) keep(raw string, set *fieldpath.Set) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, there := f.young[raw]; there {
		return
	}
	if f.young == nil || f.size+len(raw) > f.budget {
		f.young, f.old, f.size = map[string]*fieldpath.Set{}, f.young, 0
	}
	f.young[raw] = set
	f.size += len(raw)
}
