package reconcile

import (
	"context"
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
	groups map[api.Key]string // of every object that exists, as far as the feed has told
}

// work takes turns until the queue is closed.
func (c *controller) work(ctx context.Context) {
	for {
		t, ok := c.queue.get()
		if !ok {
			return
		}
		c.turn(ctx, t)
		c.queue.done(t.key)
	}
}

// turn is one pass and what follows from it for the queue.
func (c *controller) turn(ctx context.Context, t turn) {
	e := c.engine
	e.metrics.waited.WithLabelValues(c.kind.Name).Observe(t.waited.Seconds())
	e.reads.begin(t.key)
	began := time.Now()
	end := c.pass(ctx, t)
	e.metrics.duration.WithLabelValues(c.kind.Name).Observe(time.Since(began).Seconds())
	e.metrics.passes.WithLabelValues(c.kind.Name, end.result).Inc()
	wake := e.reads.end(t.key)

	switch end.result {
	case resultError, resultPanic:
		c.ask(t.key, backoff(c.queue.failed(t.key)))
	case resultConflict:
		c.ask(t.key, conflictDelay(c.queue.failed(t.key)))
	default:
		c.queue.forgive(t.key)
	}
	if end.after > 0 {
		c.ask(t.key, end.after)
	}
	c.wake(t.key, wake)
	c.tidy(t.key)
}

// changed takes in a change of one of the kind's own objects.
func (c *controller) changed(change change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if change.obj == nil {
		delete(c.groups, change.key)
		c.queue.drop(change.key)
		c.engine.reads.forget(change.key)
		return
	}
	group := c.groupOf(change.obj)
	c.groups[change.key] = group
	if change.fresh() {
		c.queue.forgive(change.key)
	}
	if change.wants() {
		c.queue.add(change.key, group, 0)
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

// ask adds a key to the queue if there is such an object.
func (c *controller) ask(key api.Key, delay time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if group, ok := c.groups[key]; ok {
		c.queue.add(key, group, delay)
	}
}

// tidy forgets an object that went away while a pass of it was running.
func (c *controller) tidy(key api.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.groups[key]; !ok {
		c.engine.reads.forget(key)
		c.queue.drop(key)
	}
}

// groupOf is the group that an object belongs to: by default its own. The
// prefix keeps the two sorts apart.
func (c *controller) groupOf(obj *api.Object) string {
	if c.kind.options.serialize != nil {
		return "group " + c.kind.options.serialize(obj)
	}
	return "object " + obj.Namespace + "/" + obj.Name
}

// regroup notes the group that a pass found its object in.
func (c *controller) regroup(key api.Key, group string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.groups[key]; ok {
		c.groups[key] = group
	}
}

// log names the object in every line.
func (c *controller) log(key api.Key) *slog.Logger {
	return c.engine.log.With("kind", key.Kind, "namespace", key.Namespace, "name", key.Name)
}
