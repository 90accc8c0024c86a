package reconcile

import (
	"container/list"
	"sync"
	"time"

	"github.com/powernode/powernode/api"
)

// slowAfter is how long a pass may hold one of its kind's places.
const slowAfter = 2 * time.Second

// slowPlaces is how many passes of slow keys may go on, as a multiple of a kind's places.
const slowPlaces = 4

// queue says which object of one kind is worked on next. Its promises, each a test:
// a key is in it once however often it is added; of several due times the
// earliest counts; one group is worked on by one worker at a time; a key added
// while it is worked on comes again afterwards; nothing added is lost;
// namespaces take turns, so that a full one does not hold up the others.
//
// Nor do passes that hang, however many: one that lasts longer than slowAfter
// leaves its place to another, and its key is slow until a pass of it is quick again. Slow keys have
// places of their own, of which no namespace takes more than it leaves free, but always one.
// So a key that is not slow waits no longer than it takes to empty the places
// once for every time that its namespace's turn goes round before it.
type queue struct {
	mu     sync.Mutex
	more   sync.Cond // an item may be taken now, or the queue closed
	places int

	items   map[api.Key]*item
	groups  map[string]*group // with an item that is ready, running or parked
	delayed dueHeap
	timer   *time.Timer
	quick   lanes // ready items
	slow    lanes // ready items of keys whose last pass was slow
	due     int   // items that are ready or parked

	running     int            // passes that have a place
	runningSlow int            // passes that have a place for slow keys
	slowIn      map[string]int // those, and passes that have lost their place, by namespace
	closed      bool
}

type place int

const (
	nowhere place = iota // not asked for
	delayed              // due later: in the heap
	ready                // due: in its namespace's lane
	parked               // due, but another of its group is ready or running
	running
)

type item struct {
	key      api.Key
	group    string // "" is a group of its own
	place    place
	again    bool          // asked for while running
	slow     bool          // its last pass was
	due      time.Time     // when delayed, or running and asked for again
	since    time.Time     // when ready or parked: ready since
	in       *list.Element // of its lane when ready, of its group when parked
	run      *run          // when running
	failures int
	index    int // in the heap
}

func newQueue(places int) *queue {
	q := &queue{
		places: places, items: map[api.Key]*item{}, groups: map[string]*group{},
		quick: newLanes(), slow: newLanes(), slowIn: map[string]int{},
	}
	q.more.L = &q.mu
	return q
}

// add asks for a pass of key after delay; group says whose passes must not be at
// the same time, "" none. To ask again for what is due already costs nothing.
func (q *queue) add(key api.Key, group string, delay time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	it := q.items[key]
	if it == nil {
		it = &item{key: key, group: group}
		q.items[key] = it
	}
	if it.group != group {
		q.regroup(it, group)
	}
	if it.place == ready || it.place == parked {
		return
	}
	due := time.Now().Add(delay)
	switch it.place {
	case running:
		if !it.again || due.Before(it.due) {
			it.again, it.due = true, due
		}
	case delayed:
		if due.Before(it.due) {
			q.undelay(it)
			q.schedule(it, due)
		}
	case nowhere:
		q.schedule(it, due)
	}
}

// regroup moves an item to another group.
func (q *queue) regroup(it *item, group string) {
	if it.place != ready && it.place != parked {
		it.group = group
		return
	}
	since := it.since
	q.withdraw(it)
	it.group = group
	q.makeReady(it)
	it.since = since
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
	switch it.place {
	case running:
		it.again = false
		return
	case delayed:
		q.undelay(it)
	case ready, parked:
		q.withdraw(it)
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
	return q.due
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
