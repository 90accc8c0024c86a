package reconcile

import (
	"container/list"
	"time"
)

// group is what the queue knows of a group. At most one item of it is ready or
// running, so that whatever is in a lane can be taken; the others are parked.
type group struct {
	at     *item // ready or running
	parked list.List
}

func (q *queue) makeReady(it *item) {
	it.since = time.Now()
	q.due++
	if it.group == "" {
		q.enlist(it)
		return
	}
	g := q.groups[it.group]
	if g == nil {
		g = &group{}
		q.groups[it.group] = g
	}
	if g.at != nil {
		it.place = parked
		it.in = g.parked.PushBack(it)
		return
	}
	g.at = it
	q.enlist(it)
}

func (q *queue) enlist(it *item) {
	it.place = ready
	q.lanesOf(it).push(it)
	q.more.Signal()
}

func (q *queue) lanesOf(it *item) *lanes {
	if it.slow {
		return &q.slow
	}
	return &q.quick
}

// withdraw takes back makeReady.
func (q *queue) withdraw(it *item) {
	q.due--
	if it.place == parked {
		q.groups[it.group].parked.Remove(it.in)
		it.in = nil
		return
	}
	q.lanesOf(it).remove(it)
	q.free(it.group)
}

// free says that no item of a group is ready or running any more: the next one may come.
func (q *queue) free(name string) {
	g := q.groups[name]
	if g == nil { // ""
		return
	}
	first := g.parked.Front()
	if first == nil {
		delete(q.groups, name)
		return
	}
	g.at = g.parked.Remove(first).(*item)
	g.at.in = nil
	q.enlist(g.at)
}
