package reconcile

import (
	"log/slog"
	"sync"
	"time"

	"github.com/powernode/powernode/api"
)

// controller runs the passes of one kind.
type controller struct {
	kind   Kind
	engine *engine
	queue  *queue

	mu     sync.Mutex
	places map[api.Key]location // of every object that exists, as far as the feed has told
}

// work has passes made of what the queue gives, as many at once as it gives,
// until the queue is closed and all have ended.
func (c *controller) work() {
	var passes sync.WaitGroup
	defer passes.Wait()
	for {
		t, ok := c.queue.get()
		if !ok {
			return
		}
		at, tenure := c.take(t)
		if tenure == nil { // its owner works on it
			c.queue.forgive(t.key)
			c.queue.done(t.key)
			continue
		}
		passes.Go(func() {
			c.turn(&pass{controller: c, turn: t, slot: at.slot, member: tenure.member, store: c.engine.storeOf(tenure)}, tenure)
			c.queue.done(t.key)
			c.engine.slots.end(at.slot)
		})
	}
}

// take begins work on a key, and waits while there must be none; the tenure is nil when the key is not ours.
func (c *controller) take(t turn) (location, *tenure) {
	at, exists := c.locate(t.key)
	if !exists {
		return at, nil
	}
	return at, c.engine.slots.begin(at.slot)
}

// turn is one pass and what follows from it for the queue.
func (c *controller) turn(p *pass, tenure *tenure) {
	e := c.engine
	e.metrics.waited.WithLabelValues(c.kind.Name).Observe(p.waited.Seconds())
	e.reads.begin(p.key)
	began := time.Now()
	end := p.run(tenure.ctx)
	e.metrics.duration.WithLabelValues(c.kind.Name).Observe(time.Since(began).Seconds())
	e.metrics.passes.WithLabelValues(c.kind.Name, end.result).Inc()
	wake := e.reads.end(p.key)

	switch end.result {
	case resultError, resultPanic, resultFenced:
		c.ask(p.key, backoff(c.queue.failed(p.key)))
	case resultConflict:
		c.ask(p.key, conflictDelay(c.queue.failed(p.key)))
	case resultInterrupted: // it is no fault of the object's
		c.ask(p.key, 0)
	default:
		c.queue.forgive(p.key)
	}
	if end.after > 0 {
		c.ask(p.key, end.after)
	}
	c.wake(p.key, wake)
	c.tidy(p.key)
}

// changed takes in a change of one of the kind's own objects.
func (c *controller) changed(change change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if change.obj == nil {
		delete(c.places, change.key)
		c.drop(change.key)
		return
	}
	at := c.locationOf(change.obj)
	c.places[change.key] = at
	if change.fresh() {
		c.queue.forgive(change.key)
	}
	if change.wants() {
		c.add(change.key, at, 0)
	}
}

// wake brings a reader back.
func (c *controller) wake(key api.Key, w wake) {
	switch {
	case w.other:
		c.ask(key, 0)
	case w.own:
		c.ask(key, ownDelay(c.engine.reads.inARow(key)))
	}
}

// ask adds a key to the queue if there is such an object and it is ours.
func (c *controller) ask(key api.Key, delay time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.places[key]; ok {
		c.add(key, at, delay)
	}
}

func (c *controller) add(key api.Key, at location, delay time.Duration) {
	if c.engine.slots.owns(at.slot) {
		c.queue.add(key, at.group, delay)
	}
}

// gained asks for a pass of every key of slots that have become ours.
func (c *controller) gained(slots map[int]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, at := range c.places {
		if slots[at.slot] {
			c.add(key, at, 0)
		}
	}
}

// forget drops what is kept about the keys of slots that are no longer ours; no pass of them goes on.
func (c *controller) forget(slots map[int]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, at := range c.places {
		if slots[at.slot] {
			c.drop(key)
		}
	}
}

// tidy forgets an object that went away, or went to another owner, while a pass of it was running.
func (c *controller) tidy(key api.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.places[key]; !ok || !c.engine.slots.owns(at.slot) {
		c.drop(key)
	}
}

// drop forgets a key; a pass of it that is running is the last.
func (c *controller) drop(key api.Key) {
	c.queue.drop(key)
	c.engine.reads.forget(key)
	if c.kind.options.released != nil {
		c.kind.options.released(key)
	}
}

// log names the object in every line.
func (c *controller) log(key api.Key) *slog.Logger {
	return c.engine.log.With("kind", key.Kind, "namespace", key.Namespace, "name", key.Name)
}
