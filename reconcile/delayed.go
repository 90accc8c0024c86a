package reconcile

import (
	"container/heap"
	"time"
)

// schedule asks for an item when it is due, which may be now.
func (q *queue) schedule(it *item, due time.Time) {
	it.due = due
	if !due.After(time.Now()) {
		q.makeReady(it)
		return
	}
	it.place = delayed
	heap.Push(&q.delayed, it)
	if it.index == 0 {
		q.arm()
	}
}

// undelay takes an item out that is not due yet.
func (q *queue) undelay(it *item) { heap.Remove(&q.delayed, it.index) }

// arm sets the timer to the earliest delayed item.
func (q *queue) arm() {
	if len(q.delayed) == 0 || q.closed {
		return
	}
	wait := time.Until(q.delayed[0].due)
	if q.timer == nil {
		q.timer = time.AfterFunc(wait, q.ripen)
		return
	}
	q.timer.Reset(wait)
}

// ripen moves what has become due.
func (q *queue) ripen() {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for len(q.delayed) > 0 && !q.delayed[0].due.After(now) {
		q.makeReady(heap.Pop(&q.delayed).(*item))
	}
	q.arm()
}

// dueHeap orders delayed items by when they are due.
type dueHeap []*item

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *dueHeap) Push(x any) {
	it := x.(*item)
	it.index = len(*h)
	*h = append(*h, it)
}
func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	it := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return it
}
