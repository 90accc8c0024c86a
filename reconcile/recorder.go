package reconcile

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/failpoint"
	"github.com/powernode/powernode/store"
)

const (
	eventEvery  = 10 * time.Second // the shortest time between two writes of one notice
	eventRarely = 5 * time.Minute  // and the longest, while it comes again and again
	eventsMost  = 10_000           // that wait to be written
	eventKept   = time.Hour
	eventPruned = 10 * time.Minute // how often old events are looked for, while new ones are written
	eventFlush  = 5 * time.Second  // for what is left when the engine ends
)

// recorder keeps notices as Events: the same notice of the same object is one
// Event that counts, the more rarely the longer it does. Floods of different ones are bounded. It works beside the passes: what it can't write is tried again and logged,
// and no pass hears of it. It writes only when there is a new notice; old
// events are pruned on such an occasion, so a world at rest stays unwritten.
type recorder struct {
	store   store.Store
	log     *slog.Logger
	metrics *metrics
	wake    chan struct{}

	mu      sync.Mutex
	entries map[api.Key]*entry // by the key of the Event
	flood   *flood
	pruned  time.Time
}

// entry is one notice of one object.
type entry struct {
	event  *api.Object // as when it comes for the first time
	text   string      // of the message, when it is another each time
	member string      // whose pass told it last; fences the write
	more   int         // how often since the last write
	last   time.Time
	next   time.Time     // no write before
	every  time.Duration // between the last writes
	kept   bool          // it was written once
}

func newRecorder(s store.Store, log *slog.Logger, m *metrics) *recorder {
	return &recorder{
		store: s, log: log, metrics: m, wake: make(chan struct{}, 1), entries: map[api.Key]*entry{}, flood: newFlood(),
	}
}

// record takes notices about an object from a pass of a member, "" for none; it neither blocks nor fails.
func (r *recorder) record(member string, about *api.Object, notices ...Notice) {
	for _, n := range notices {
		r.add(member, about, n, time.Now().UTC())
	}
	if len(notices) > 0 {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

func (r *recorder) add(member string, about *api.Object, n Notice, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	identity, combined := r.flood.combine(about, n, at)
	key := eventKey(about, identity)
	if combined {
		n.Message = combinedText + n.Message
	}
	e := r.entries[key]
	if e == nil {
		if len(r.entries) >= eventsMost || !r.flood.admits(about, at) {
			r.metrics.untold.WithLabelValues(about.Key().Kind).Inc()
			return
		}
		event, err := newEvent(about, n, key, at)
		if err != nil {
			r.log.Warn("an event could not be encoded", "object", about.Key().String(), "error", err)
			return
		}
		e = &entry{event: event}
		r.entries[key] = e
	}
	if combined {
		e.text = n.Message
	}
	e.member = member
	e.more++
	e.last = at
}

// run writes until ctx ends, then what is left.
func (r *recorder) run(ctx context.Context) {
	for {
		r.pause(ctx, r.flush(ctx, time.Now()))
		if ctx.Err() != nil {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), eventFlush)
			defer cancel()
			r.hurry()
			r.flush(last, time.Now())
			return
		}
	}
}

// hurry lets everything be written now.
func (r *recorder) hurry() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.entries {
		e.next = time.Time{}
	}
}

// pause waits for a new notice, the end of ctx, and at most for wait where that is not 0.
func (r *recorder) pause(ctx context.Context, wait time.Duration) {
	var due <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
	case <-r.wake:
	case <-due:
	}
}

// flush writes what may be written now, and returns how long until the next; 0 for nothing left.
func (r *recorder) flush(ctx context.Context, now time.Time) (wait time.Duration) {
	due, wait := r.due(now)
	for _, e := range due {
		if ctx.Err() != nil {
			return wait
		}
		r.write(ctx, e, now)
	}
	if len(due) > 0 && now.Sub(r.pruned) >= eventPruned {
		r.pruned = now
		r.prune(ctx, now)
	}
	if _, wait := r.due(now); wait > 0 {
		return wait
	}
	return 0
}

// due lists the entries to write now, forgets those at rest, and tells when the next is due.
func (r *recorder) due(now time.Time) (due []*entry, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, e := range r.entries {
		switch left := e.next.Sub(now); {
		case e.more > 0 && left <= 0:
			due = append(due, e)
		case e.more > 0 && (wait == 0 || left < wait):
			wait = left
		case e.more == 0 && left <= 0:
			delete(r.entries, key)
		}
	}
	return due, wait
}

func (r *recorder) write(ctx context.Context, e *entry, now time.Time) {
	r.mu.Lock()
	e.every = min(max(2*e.every, eventEvery), eventRarely)
	e.next = now.Add(e.every)
	told := *e
	r.mu.Unlock()
	err := failpoint.Hit("event.before")
	if err == nil {
		err = failpoint.After("event.after", r.put(ctx, told))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		e.more -= told.more
		e.kept = true
	case errors.Is(err, api.ErrNotFound), // somebody removed it: so be it
		errors.Is(err, store.ErrFenced): // who works on the object now tells it
		e.more = 0
	default:
		r.log.Warn("an event could not be written; it is tried again", "event", told.event.Key().String(), "error", err)
	}
}

// put stores the event, or counts on with the one that is there.
func (r *recorder) put(ctx context.Context, e entry) error {
	by, fence := store.By("events"), store.Fenced(e.member)
	there, err := r.store.Get(ctx, e.event.Key())
	if errors.Is(err, api.ErrNotFound) && !e.kept {
		event, err := counted(e.event, e.more-1, e.last, e.text)
		if err != nil {
			return err
		}
		_, err = r.store.Create(ctx, event, by, fence)
		return err
	}
	if err != nil {
		return err
	}
	if there, err = counted(there, e.more, e.last, e.text); err != nil {
		return err
	}
	_, err = r.store.Update(ctx, there, by, fence)
	return err
}

// prune removes events that did not come again for long.
func (r *recorder) prune(ctx context.Context, now time.Time) {
	list, err := r.store.List(ctx, eventKind, store.ListOptions{})
	if err != nil {
		r.log.Warn("old events could not be listed", "error", err)
		return
	}
	for _, event := range list.Items {
		if now.Sub(lastSeen(event)) < eventKept {
			continue
		}
		pre := store.Preconditions{ResourceVersion: event.ResourceVersion}
		_, err := r.store.Delete(ctx, event.Key(), pre, store.By("events"))
		if err != nil && !errors.Is(err, api.ErrNotFound) && !errors.Is(err, api.ErrConflict) {
			r.log.Warn("an old event could not be removed", "event", event.Key().String(), "error", err)
			return
		}
	}
}
