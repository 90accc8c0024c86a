package server

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/rbac"
	"github.com/powernode/powernode/store"
)

const (
	// confirmEvery is how often the policy makes sure that it is the one of the store.
	confirmEvery = 10 * time.Second
	// staleAfter is how long the last known policy holds while the store can't be asked: long
	// enough for a database to be restarted, short enough for a right that was taken away elsewhere.
	staleAfter = time.Minute
	// policyWait is how long a request waits for the policy: for the first one of a server, and
	// for its own change of it.
	policyWait = 10 * time.Second
)

// policy is who may do what, as the RBAC objects of the store say. It follows them
// by watch; what a request of this server changed of them holds before its answer leaves (reach).
type policy struct {
	store store.Store
	log   *slog.Logger
	kinds map[string]*reflector[any] // by qualified kind

	changes   atomic.Int64 // of the objects, counted
	built     atomic.Pointer[builtPolicy]
	building  sync.Mutex
	confirmed atomic.Int64 // when it was last known to be the store's, in nanoseconds of Unix time
	moved     store.Bell   // rings after every change
}

// builtPolicy is the policy after a number of changes.
type builtPolicy struct {
	*rbac.Policy
	changes int64
}

func newPolicy(objects store.Store, log *slog.Logger) *policy {
	p := &policy{store: objects, log: log, kinds: map[string]*reflector[any]{}}
	for _, kind := range rbac.Kinds() {
		p.kinds[kind] = &reflector[any]{store: objects, kind: kind, read: rbac.Decode, changed: p.changed, failed: p.failed}
	}
	return p
}

func (p *policy) changed() {
	p.changes.Add(1)
	p.moved.Ring()
}

func (p *policy) failed(err error) {
	p.log.Warn("the policy is not complete", "error", err)
}

// run follows the store until ctx ends.
func (p *policy) run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	for _, m := range p.kinds {
		running.Go(func() { m.run(ctx) })
	}
	for ctx.Err() == nil {
		p.confirm(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(confirmEvery):
		}
	}
}

// confirm notes that the policy is up to date, if it is: the store answers, and every kind
// has come as far as its objects had when it was asked.
func (p *policy) confirm(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, confirmEvery)
	defer cancel()
	now := time.Now()
	for kind, m := range p.kinds {
		list, err := p.store.List(ctx, kind, store.ListOptions{})
		if err != nil {
			return
		}
		if m.reach(ctx, newest(list.Items)) != nil {
			return
		}
	}
	p.confirmed.Store(now.UnixNano())
}

// newest is the latest revision of any of the objects.
func newest(objects []*api.Object) store.Revision {
	var latest store.Revision
	for _, obj := range objects {
		if r, err := parseRevision(obj.ResourceVersion); err == nil {
			latest = max(latest, r)
		}
	}
	return latest
}

// now is the policy that holds. A server that has just started waits for it; one that has lost the
// store for longer than staleAfter has none.
func (p *policy) now(ctx context.Context) (*rbac.Policy, error) {
	if err := p.ready(ctx); err != nil {
		return nil, err
	}
	if built := p.current(); built != nil {
		return built, nil
	}
	p.building.Lock()
	defer p.building.Unlock()
	if built := p.current(); built != nil {
		return built, nil
	}
	next := &builtPolicy{changes: p.changes.Load()} // before they are read: what changes meanwhile makes it outdated
	var objects rbac.Objects
	for _, m := range p.kinds {
		m.each(objects.Add)
	}
	next.Policy = rbac.New(objects)
	p.built.Store(next)
	return next.Policy, nil
}

// current is the policy that was built, nil when something has changed since.
func (p *policy) current() *rbac.Policy {
	built := p.built.Load()
	if built == nil || built.changes != p.changes.Load() {
		return nil
	}
	return built.Policy
}

// ready waits for the first policy, and refuses one that is too old.
func (p *policy) ready(ctx context.Context) error {
	confirmed := p.confirmed.Load()
	if confirmed == 0 {
		ctx, cancel := context.WithTimeout(ctx, policyWait)
		defer cancel()
		for _, m := range p.kinds {
			if m.reach(ctx, 0) != nil {
				return unavailable("who may do what is not known yet: the roles and bindings have not been read")
			}
		}
		return nil
	}
	if age := time.Since(time.Unix(0, confirmed)); age > staleAfter {
		return unavailable("who may do what is not known: the roles and bindings could not be read for a while")
	}
	return nil
}

// reach waits until the policy knows a kind as it was at a revision of it; other kinds are nothing to it.
func (p *policy) reach(ctx context.Context, kind string, at store.Revision) error {
	m := p.kinds[kind]
	if m == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, policyWait)
	defer cancel()
	return m.reach(ctx, at)
}
