package reconcile

import "container/list"

// lanes are ready items, in order within their namespace; namespaces take turns.
type lanes struct {
	of    map[string]*lane // that have an item
	turns list.List        // of them, the next one first
}

type lane struct {
	items list.List
	turn  *list.Element
}

func newLanes() lanes { return lanes{of: map[string]*lane{}} }

func (l *lanes) push(it *item) {
	in := l.of[it.key.Namespace]
	if in == nil {
		in = &lane{}
		in.turn = l.turns.PushBack(in)
		l.of[it.key.Namespace] = in
	}
	it.in = in.items.PushBack(it)
}

func (l *lanes) remove(it *item) {
	in := l.of[it.key.Namespace]
	in.items.Remove(it.in)
	it.in = nil
	if in.items.Len() == 0 {
		l.turns.Remove(in.turn)
		delete(l.of, it.key.Namespace)
	}
}

// take removes the first item of the first namespace that may have its turn; nil when there is none.
func (l *lanes) take(may func(namespace string) bool) *item {
	for turn := l.turns.Front(); turn != nil; turn = turn.Next() {
		it := turn.Value.(*lane).items.Front().Value.(*item)
		if may(it.key.Namespace) {
			l.turns.MoveToBack(turn)
			l.remove(it)
			return it
		}
	}
	return nil
}
