package reconcile

import (
	"k8s.io/apimachinery/pkg/labels"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// reader is what is remembered of the last pass of one object.
type reader struct {
	running  bool
	keys     map[api.Key]store.Revision // seen at
	lists    []*listRead
	wrote    map[api.Key]store.Revision
	pending  []change // came while running
	ownWoken bool     // brought back by its own writes only
	inARow   int      // such passes in a row
}

// listRead is one list that the pass made, at the revision it was read at.
type listRead struct {
	scope
	selector labels.Selector
	seen     store.Revision
}

// wake says whether a reader is to come back, and whether for its own writes only.
type wake struct{ own, other bool }

func (w *wake) merge(v wake) {
	w.own = w.own || v.own
	w.other = w.other || v.other
}

func (rd *reader) note(w wake) {
	if w.other {
		rd.ownWoken, rd.inARow = false, 0
	} else if w.own {
		rd.ownWoken = true
	}
}

// judge says whether c is news to the pass.
func (rd *reader) judge(c change) wake {
	if !rd.concerns(c) {
		return wake{}
	}
	own := rd.wrote[c.key] == c.revision
	return wake{own: own, other: !own}
}

func (rd *reader) concerns(c change) bool {
	if seen, ok := rd.keys[c.key]; ok && c.revision > seen {
		return true
	}
	for _, l := range rd.lists {
		if c.revision > l.seen && l.concerns(c) {
			return true
		}
	}
	return false
}

// concerns reports whether the object was in the list before the change, or is after it.
func (l *listRead) concerns(c change) bool {
	if l.kind != c.key.Kind || l.namespace != "" && l.namespace != c.key.Namespace {
		return false
	}
	return l.selector == nil ||
		c.old != nil && l.selector.Matches(labels.Set(c.old.labels)) ||
		c.obj != nil && l.selector.Matches(labels.Set(c.obj.Labels))
}
