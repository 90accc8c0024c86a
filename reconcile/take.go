package reconcile

import (
	"time"

	"github.com/powernode/powernode/api"
)

// turn is what get hands to a worker: a key, the group it holds until done, how
// long the key has been due, and how many passes of it have failed in a row.
type turn struct {
	key      api.Key
	group    string
	waited   time.Duration
	failures int
}

// run is one pass from get to done.
type run struct {
	it       *item
	group    string
	began    time.Time
	late     *time.Timer // takes its place away; nil when it is of a slow key
	unseated bool        // it has lost its place
	over     bool
}

// get waits for a due key whose group is free and that there is a place for; ok is false once
// the queue is closed. The worker calls done when it has finished with the key.
func (q *queue) get() (t turn, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.closed {
		if it := q.next(); it != nil {
			q.begin(it)
			return turn{it.key, it.run.group, it.run.began.Sub(it.since), it.failures}, true
		}
		q.more.Wait()
	}
	return turn{}, false
}

func (q *queue) next() *item {
	if q.running < q.places {
		if it := q.quick.take(func(string) bool { return true }); it != nil {
			return it
		}
	}
	return q.slow.take(func(namespace string) bool {
		has := q.slowIn[namespace]
		return has == 0 || has < slowPlaces*q.places-q.runningSlow
	})
}

func (q *queue) begin(it *item) {
	q.due--
	it.place = running
	r := &run{it: it, group: it.group, began: time.Now()}
	it.run = r
	if it.slow {
		q.runningSlow++
		q.slowIn[it.key.Namespace]++
		return
	}
	q.running++
	r.late = time.AfterFunc(slowAfter, func() { q.unseat(r) })
}

// unseat takes the place of a pass that has had it for long enough.
func (q *queue) unseat(r *run) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if r.over {
		return
	}
	r.unseated = true
	q.running--
	q.slowIn[r.it.key.Namespace]++
	q.more.Signal()
}

// done gives the place and the group free; the key comes again if it was added meanwhile.
func (q *queue) done(key api.Key) {
	q.mu.Lock()
	defer q.mu.Unlock()
	it := q.items[key]
	q.end(it.run)
	it.place, it.run = nowhere, nil
	switch {
	case it.again:
		it.again = false
		q.schedule(it, it.due)
	case it.failures == 0 && !it.slow:
		delete(q.items, key)
	}
	q.more.Signal()
}

func (q *queue) end(r *run) {
	r.over = true
	switch {
	case r.late == nil:
		q.runningSlow--
		q.endSlow(r)
	case r.unseated:
		q.endSlow(r)
	default:
		r.late.Stop()
		q.running--
	}
	r.it.slow = time.Since(r.began) >= slowAfter
	q.free(r.group)
}

func (q *queue) endSlow(r *run) {
	namespace := r.it.key.Namespace
	if q.slowIn[namespace]--; q.slowIn[namespace] == 0 {
		delete(q.slowIn, namespace)
	}
}
