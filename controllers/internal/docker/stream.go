package docker

import (
	"context"
	"sync"
	"time"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
)

// The pause before a lost stream is tried again grows between these.
const (
	minPause = time.Second
	maxPause = 30 * time.Second
)

// streams are the goroutines that follow events. They run while somebody
// subscribes; the last one who leaves ends them and waits.
type streams struct {
	open   func() (context.Context, context.CancelFunc)
	cancel context.CancelFunc
	wait   sync.WaitGroup
}

// Hints is a source of hints (reconcile.Source) for the objects of one kind: a
// DockerHost whose connection was lost or regained, an object whose container
// changed. Containers name their object by labels.
func (p *Pool) Hints(kind string) func(ctx context.Context, hint func(api.Key)) error {
	return func(ctx context.Context, hint func(api.Key)) error {
		leave := p.subscribe(subscriber{kind, hint})
		defer leave()
		<-ctx.Done()
		return ctx.Err()
	}
}

func (p *Pool) subscribe(s subscriber) (leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := p.next
	p.next++
	if p.subscribers == nil {
		p.subscribers = map[int]subscriber{}
	}
	p.subscribers[id] = s
	if p.streams == nil {
		all, cancel := context.WithCancel(context.Background())
		open := func() (context.Context, context.CancelFunc) { return context.WithCancel(all) }
		p.streams = &streams{open: open, cancel: cancel}
		for _, w := range p.hosts {
			p.start(w)
		}
	}
	return func() { p.unsubscribe(id) }
}

func (p *Pool) unsubscribe(id int) {
	p.mu.Lock()
	delete(p.subscribers, id)
	ended := p.streams
	if len(p.subscribers) > 0 {
		p.mu.Unlock()
		return
	}
	p.streams = nil
	for _, w := range p.hosts {
		w.cancel = nil
	}
	p.mu.Unlock()
	ended.cancel()
	ended.wait.Wait()
}

// start runs a host's stream; p.mu is held.
func (p *Pool) start(w *watch) {
	ctx, cancel := p.streams.open()
	w.cancel = cancel
	p.streams.wait.Go(func() {
		defer cancel()
		p.follow(ctx, w)
	})
}

// follow keeps a stream of events up until ctx ends. What happened between two
// streams is asked for by time; and since an engine remembers only so much, all
// objects known to have had a container there are hinted as well.
func (p *Pool) follow(ctx context.Context, w *watch) {
	pause := minPause
	var since time.Time
	known := map[api.Key]bool{} // objects with a container, as far as we were told
	for ctx.Err() == nil {
		up := false
		if w.engine.Ping(ctx) == nil {
			_ = w.engine.Events(ctx, since, func() {
				up, pause = true, minPause
				p.tell(w.host)
				p.tellKnown(ctx, w, known)
			}, func(e Event) {
				since = e.At
				p.tellEvent(e, known)
			})
		}
		if up && ctx.Err() == nil {
			p.tell(w.host)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, maxPause)
	}
}

func (p *Pool) tellEvent(e Event, known map[api.Key]bool) {
	key, ok := keyOf(e.Labels)
	if !ok {
		return
	}
	if e.Action == "destroy" {
		delete(known, key)
	} else {
		known[key] = true
	}
	p.tell(key)
}

// tellKnown hints every object that has a container now, or had one when the stream was lost.
func (p *Pool) tellKnown(ctx context.Context, w *watch, known map[api.Key]bool) {
	if ours, err := w.engine.List(ctx, map[string]string{v1.LabelKind: "ContainerInstance"}); err == nil {
		for _, c := range ours {
			if key, ok := keyOf(c.Labels); ok {
				known[key] = true
			}
		}
	}
	for key := range known {
		p.tell(key)
	}
}

// keyOf names the object that a container is a part of.
func keyOf(labels map[string]string) (api.Key, bool) {
	kind, name := labels[v1.LabelKind], labels[v1.LabelName]
	if kind == "" || name == "" || labels[v1.LabelUID] == "" {
		return api.Key{}, false
	}
	return api.Key{Kind: kind + "." + api.Group, Namespace: labels[v1.LabelNamespace], Name: name}, true
}
