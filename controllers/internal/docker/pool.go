package docker

import (
	"context"
	"io"
	"sync"

	"github.com/powernode/powernode/api"
)

// Pool shares engines between controllers: one client for each way of reaching
// an engine, one stream of events for each host that is watched. The zero value
// is ready; all methods are safe for concurrent use.
type Pool struct {
	// Dial makes an engine; nil is the real one.
	Dial func(Target) (Engine, error)

	mu          sync.Mutex
	engines     map[string]Engine
	hosts       map[api.Key]*watch
	subscribers map[int]subscriber
	next        int
	streams     *streams         // nil while nobody subscribes
	pulls       map[string]*pull // by engine and image
}

// Shard is what a DockerHost and all that runs on it have in common: one server works on them, so that
// their engine is connected to once.
func Shard(namespace, host string) string { return "DockerHost " + namespace + "/" + host }

type subscriber struct {
	kind string
	hint func(api.Key)
}

// watch is a host whose events are followed.
type watch struct {
	host   api.Key
	print  string
	engine Engine
	cancel context.CancelFunc // nil while the stream does not run
}

// Engine returns the engine at target. It does not connect: that an engine is
// not there shows at the first call.
func (p *Pool) Engine(target Target) (Engine, error) {
	print := target.fingerprint()
	p.mu.Lock()
	defer p.mu.Unlock()
	if engine, ok := p.engines[print]; ok {
		return engine, nil
	}
	dial := p.Dial
	if dial == nil {
		dial = func(t Target) (Engine, error) { return Dial(t) }
	}
	engine, err := dial(target)
	if err != nil {
		return nil, err
	}
	if p.engines == nil {
		p.engines = map[string]Engine{}
	}
	p.engines[print] = engine
	return engine, nil
}

// Watch follows the events of the engine at target in the name of host, from now
// on and through lost connections, until Forget. Again with the same target it changes nothing.
func (p *Pool) Watch(host api.Key, target Target) error {
	engine, err := p.Engine(target)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	print := target.fingerprint()
	if old := p.hosts[host]; old != nil && old.print == print {
		return nil
	}
	p.forget(host)
	if p.hosts == nil {
		p.hosts = map[api.Key]*watch{}
	}
	w := &watch{host: host, print: print, engine: engine}
	p.hosts[host] = w
	if p.streams != nil {
		p.start(w)
	}
	return nil
}

// Forget ends what Watch began, and gives up the engine when no other host is reached the same way.
func (p *Pool) Forget(host api.Key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(host)
}

func (p *Pool) forget(host api.Key) {
	w := p.hosts[host]
	if w == nil {
		return
	}
	if w.cancel != nil {
		w.cancel()
	}
	delete(p.hosts, host)
	for _, other := range p.hosts {
		if other.print == w.print {
			return
		}
	}
	delete(p.engines, w.print)
	if closer, ok := w.engine.(io.Closer); ok {
		closer.Close() // idle connections only: what is under way goes on
	}
}

// Suspect tells whoever watches host that a call to it found nobody.
func (p *Pool) Suspect(host api.Key) { p.tell(host) }

// tell hints a key to the subscribers of its kind.
func (p *Pool) tell(key api.Key) {
	p.mu.Lock()
	var hints []func(api.Key)
	for _, s := range p.subscribers {
		if s.kind == key.Kind {
			hints = append(hints, s.hint)
		}
	}
	p.mu.Unlock()
	for _, hint := range hints {
		hint(key)
	}
}
