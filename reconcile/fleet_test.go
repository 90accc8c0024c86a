package reconcile_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/memory"
)

// fleet is one memory store and the processes that work on it in fake time. It sees every pass, and fails
// the test when two processes that run are in a pass of one key.
type fleet struct {
	t       *testing.T
	ctx     context.Context
	store   *memory.Store
	members *memory.Members
	kinds   func(*process) []reconcile.Kind

	mu     sync.Mutex
	passes map[api.Key][]*passing
	count  map[api.Key]int
}

// passing is a pass that goes on. One whose process was frozen meanwhile does
// nothing until it acts again.
type passing struct {
	process *process
	stopped bool
}

// newFleet makes a fleet without processes; kinds are made for each.
func newFleet(t *testing.T, kinds func(*process) []reconcile.Kind) *fleet {
	s := &memory.Store{}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return &fleet{
		t: t, ctx: ctx, store: s, members: &memory.Members{Store: s}, kinds: kinds,
		passes: map[api.Key][]*passing{}, count: map[api.Key]int{},
	}
}

// process is one process of the fleet.
type process struct {
	fleet    *fleet
	name     string
	manager  *reconcile.Manager
	registry *prometheus.Registry
	cancel   context.CancelFunc
	ended    chan struct{}
	gone     atomic.Bool // killed: nothing of it reaches anybody

	mu     sync.Mutex
	member store.Member
	frozen chan struct{} // closed at the thaw; nil while it runs
}

// start starts a process, with duties.
func (f *fleet) start(name string, duties ...func(*process) reconcile.Duty) *process {
	p := &process{fleet: f, name: name, ended: make(chan struct{}), registry: prometheus.NewRegistry()}
	p.manager = &reconcile.Manager{
		Store: &processStore{f.store, p}, Members: processMembers{p}, Name: name, Kinds: f.kinds(p), Registerer: p.registry,
		Log: slog.New(slog.NewTextHandler(f.t.Output(), nil)).With("process", name),
	}
	for _, duty := range duties {
		p.manager.Duties = append(p.manager.Duties, duty(p))
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go func() {
		defer close(p.ended)
		if err := p.manager.Run(ctx); err != nil {
			f.t.Error(err)
		}
	}()
	f.t.Cleanup(func() { p.thaw(); p.cancel(); <-p.ended })
	synctest.Wait()
	return p
}

// drain is SIGTERM; it does not wait for the end.
func (p *process) drain() { p.cancel(); synctest.Wait() }

// kill is kill -9: from now on nothing of the process reaches anybody.
func (p *process) kill() {
	p.gone.Store(true)
	p.hush()
	p.cancel()
	synctest.Wait()
}

// freeze is SIGSTOP: its code goes no further, and nobody hears of it.
func (p *process) freeze() {
	p.mu.Lock()
	p.frozen = make(chan struct{})
	p.mu.Unlock()
	p.hush()
	p.fleet.mu.Lock()
	defer p.fleet.mu.Unlock()
	for _, passes := range p.fleet.passes {
		for _, one := range passes {
			one.stopped = one.stopped || one.process == p
		}
	}
}

// thaw is SIGCONT.
func (p *process) thaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.frozen != nil {
		close(p.frozen)
		p.frozen = nil
		p.fleet.members.Hear(p.member.ID())
	}
}

func (p *process) hush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.member != nil {
		p.fleet.members.Silence(p.member.ID())
	}
}

// step is a moment in which the code of the process goes on, when it does.
func (p *process) step() {
	p.mu.Lock()
	frozen := p.frozen
	p.mu.Unlock()
	if frozen != nil {
		<-frozen
		time.Sleep(time.Millisecond) // the timers of a process that wakes come first
	}
}

func (p *process) runs() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.gone.Load() && p.frozen == nil
}

// begin is called when a pass of a key begins.
func (p *process) begin(ctx context.Context, key api.Key) *passing {
	now := &passing{process: p}
	f := p.fleet
	f.mu.Lock()
	f.passes[key] = append(f.passes[key], now)
	f.count[key]++
	f.mu.Unlock()
	now.act(ctx, key)
	return now
}

// act is called when the pass does something to the world.
func (now *passing) act(ctx context.Context, key api.Key) {
	f := now.process.fleet
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil || now.process.gone.Load() {
		return // it does nothing to anybody
	}
	now.stopped = false
	for _, other := range f.passes[key] {
		if other != now && !other.stopped && !other.process.gone.Load() {
			f.t.Errorf("%v: two are in a pass of %s: %s and %s", time.Now(), key, now.process.name, other.process.name)
		}
	}
}

func (now *passing) end(key api.Key) {
	f := now.process.fleet
	f.mu.Lock()
	defer f.mu.Unlock()
	f.passes[key] = slices.DeleteFunc(f.passes[key], func(p *passing) bool { return p == now })
}

// passing is how many passes of a key go on.
func (f *fleet) passing(key api.Key) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.passes[key])
}

// slow is a controller whose passes take a while, act in their middle, and copy the size.
func (p *process) slow(takes time.Duration) pass {
	return func(ctx context.Context, obj *object) (reconcile.Result, error) {
		now := p.begin(ctx, obj.Key)
		defer now.end(obj.Key)
		for range 2 {
			select {
			case <-time.After(takes / 2):
			case <-ctx.Done():
			}
			p.step()
			if ctx.Err() != nil {
				return reconcile.Result{}, ctx.Err()
			}
			now.act(ctx, obj.Key)
		}
		obj.Status.Seen = p.name
		return reconcile.Done, nil
	}
}

// passed is how many passes of a key have begun.
func (f *fleet) passed(key api.Key) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count[key]
}

// metric reads a metric of the process.
func (p *process) metric(name string) (sum float64) {
	p.fleet.t.Helper()
	families, err := p.registry.Gather()
	if err != nil {
		p.fleet.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.Metric {
			sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return sum
}
