package reconcile

import (
	"container/heap"
	"sync"
	"time"

	"github.com/powernode/powernode/api"
)

// queue says which object of one kind a worker takes next. Its promises, each a test:
// a key is in it once however often it is added; of several due times the
// earliest counts; one group is worked on by one worker at a time; a key added
// while it is worked on comes again afterwards; nothing added is lost;
// namespaces take turns, so that a full one does not hold up the others.
type queue struct {
	mu      sync.Mutex
	more    sync.Cond // an item may have become ready, or the queue closed
	items   map[api.Key]*item
	lanes   map[string][]*item // ready items by namespace, in order
	turns   []string           // namespaces with a lane, next one first
	busy    map[string][]*item // groups being worked on, and who waits for them
	delayed dueHeap
	timer   *time.Timer
	closed  bool
}

type place int

const (
	nowhere place = iota // not asked for
	delayed              // due later: in the heap
	ready                // due: in its namespace's lane
	parked               // due, but its group is being worked on
	running
)

type item struct {
	key      api.Key
	group    string
	held     string // the group taken by the running pass
	place    place
	again    bool // asked for while running
	due      time.Time
	since    time.Time // ready since
	failures int
	index    int // in the heap
}

func newQueue() *queue {
	q := &queue{items: map[api.Key]*item{}, lanes: map[string][]*item{}, busy: map[string][]*item{}}
	q.more.L = &q.mu
	return q
}

// add asks for a pass of key after delay.
func (q *queue) add(key api.Key, group string, delay time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	it := q.items[key]
	if it == nil {
		it = &item{key: key}
		q.items[key] = it
	}
	it.group = group
	due := time.Now().Add(delay)
	switch it.place {
	case running:
		if !it.again || due.Before(it.due) {
			it.again, it.due = true, due
		}
	case delayed:
		if due.Before(it.due) {
			heap.Remove(&q.delayed, it.index)
			q.schedule(it, due)
		}
	case nowhere:
		q.schedule(it, due)
	}
}

func (q *queue) schedule(it *item, due time.Time) {
	it.due = due
	if !due.After(time.Now()) {
		q.makeReady(it)
		return
	}
	it.place = delayed
	heap.Push(&q.delayed, it)
	q.arm()
}

func (q *queue) makeReady(it *item) {
	it.place = ready
	it.since = time.Now()
	q.enlist(it)
}

func (q *queue) enlist(it *item) {
	namespace := it.key.Namespace
	if _, ok := q.lanes[namespace]; !ok {
		q.turns = append(q.turns, namespace)
	}
	q.lanes[namespace] = append(q.lanes[namespace], it)
	q.more.Signal()
}

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

// turn is what get hands to a worker: a key, the group it holds until done, how
// long the key has been due, and how many passes of it have failed in a row.
type turn struct {
	key      api.Key
	group    string
	waited   time.Duration
	failures int
}

// get waits for a due key whose group is free; ok is false once the queue is closed.
// The worker calls done when it has finished with the key.
func (q *queue) get() (t turn, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.closed {
		if it := q.next(); it != nil {
			it.place, it.held = running, it.group
			q.busy[it.held] = nil
			return turn{it.key, it.held, time.Since(it.since), it.failures}, true
		}
		q.more.Wait()
	}
	return turn{}, false
}

// next takes the first item, by turns of namespaces, whose group is free.
func (q *queue) next() *item {
	for len(q.turns) > 0 {
		namespace := q.turns[0]
		lane := q.lanes[namespace]
		it := lane[0]
		q.turns = q.turns[1:]
		if len(lane) > 1 {
			q.lanes[namespace] = lane[1:]
			q.turns = append(q.turns, namespace)
		} else {
			delete(q.lanes, namespace)
		}
		if it.place != ready { // dropped
			continue
		}
		if waiting, busy := q.busy[it.group]; busy {
			it.place = parked
			q.busy[it.group] = append(waiting, it)
			continue
		}
		return it
	}
	return nil
}

// done gives the group free; the key comes again if it was added meanwhile.
func (q *queue) done(key api.Key) {
	q.mu.Lock()
	defer q.mu.Unlock()
	it := q.items[key]
	waiting := q.busy[it.held]
	delete(q.busy, it.held)
	for _, other := range waiting {
		if other.place == parked {
			other.place = ready
			q.enlist(other)
		}
	}
	it.place = nowhere
	switch {
	case it.again:
		it.again = false
		q.schedule(it, it.due)
	case it.failures == 0:
		delete(q.items, key)
	}
}

// drop takes a key out: there is no such object any more. One that is being
// worked on does not come again.
func (q *queue) drop(key api.Key) {
	q.mu.Lock()
	defer q.mu.Unlock()
	it := q.items[key]
	if it == nil {
		return
	}
	it.failures = 0
	if it.place == running {
		it.again = false
		return
	}
	if it.place == delayed {
		heap.Remove(&q.delayed, it.index)
	}
	it.place = nowhere
	delete(q.items, key)
}

// failed counts a failed pass of a key being worked on, and returns how many in a row that makes.
func (q *queue) failed(key api.Key) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items[key].failures++
	return q.items[key].failures
}

// forgive forgets the failures of a key.
func (q *queue) forgive(key api.Key) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if it := q.items[key]; it != nil {
		it.failures = 0
	}
}

// depth is how many keys are due and not yet worked on.
func (q *queue) depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for _, it := range q.items {
		if it.place == ready || it.place == parked {
			n++
		}
	}
	return n
}

// close wakes every get for good.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	if q.timer != nil {
		q.timer.Stop()
	}
	q.more.Broadcast()
}
