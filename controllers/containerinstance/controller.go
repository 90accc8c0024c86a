package containerinstance

import (
	"context"
	"errors"
	"time"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/docker"
	"github.com/powernode/powernode/reconcile"
)

// Controller reconciles ContainerInstances. Engines is shared with the
// controller of DockerHosts; Logs keeps what containers wrote.
type Controller struct {
	Engines *docker.Pool
	Logs    Logs
}

// Kind makes the controller ready for the Manager.
func Kind(c Controller) reconcile.Kind {
	return reconcile.For(v1.ContainerInstance, c, reconcile.Hints(c.Engines.Hints(v1.ContainerInstance)), reconcile.Shard(shard))
}

type object = reconcile.Object[v1.ContainerInstanceSpec, v1.ContainerInstanceStatus]

var _ reconcile.Reconciler[v1.ContainerInstanceSpec, v1.ContainerInstanceStatus] = Controller{}

const (
	// mostRounds bounds a pass; the longest way, a roll, takes six.
	mostRounds = 12
	// resync backs up the hints of the engine's events.
	resync = time.Minute
	// settle is the pause between storing an end and clearing up after it.
	settle = 10 * time.Millisecond
)

// Reconcile implements reconcile.Reconciler.
func (c Controller) Reconcile(ctx context.Context, obj *object) (reconcile.Result, error) {
	p, err := c.open(ctx, obj)
	if err != nil {
		return reconcile.Result{}, err
	}
	err = p.run(ctx)
	p.conditions()
	if err == nil {
		err = p.expire(ctx, time.Now())
	}
	if err != nil {
		return p.explain(err)
	}
	return p.verdict(time.Now())
}

// Delete implements reconcile.Reconciler: it removes every container of the
// object, and its logs.
func (c Controller) Delete(ctx context.Context, obj *object) (reconcile.Result, error) {
	if obj.Spec.DeletionPolicy != v1.DeletionOrphan {
		p, err := c.open(ctx, obj)
		if err != nil {
			return reconcile.Result{}, err
		}
		p.desired.gone = true
		err = p.run(ctx)
		neverPlaced := obj.Status.Node == "" // no engine was ever looked at for it
		if err != nil && !neverPlaced {
			result, err := p.explain(err)
			if result.Waiting != "" {
				result.Waiting += "; its containers are removed then, or left where they are with spec.deletionPolicy: Orphan"
			}
			return result, err
		}
	}
	return reconcile.Done, c.Logs.Drop(ctx, logPrefix(string(obj.Meta.UID)))
}

// pass is one look at one object, and what is done about it.
type pass struct {
	Controller
	obj      *object
	host     host
	desired  desired
	observed observed
	planned  time.Time // when plan was last asked
	unstored bool      // the record has something that must be stored before we go on
}

// run looks, plans and acts until nothing is left to do.
func (p *pass) run(ctx context.Context) error {
	for range mostRounds {
		if err := p.observe(ctx); err != nil {
			return err
		}
		p.planned = time.Now()
		ops := plan(p.desired, p.observed, p.planned)
		if len(ops) == 0 {
			return p.blindness()
		}
		for _, o := range ops {
			if err := p.do(ctx, o); err != nil {
				return err
			}
		}
		if p.unstored {
			return nil
		}
	}
	p.unstored = true // still moving: go on in a new pass
	return nil
}

// blindness is why the engine could not be looked at, if so; an end that is
// recorded stays the more important news.
func (p *pass) blindness() error {
	if !p.observed.blind || (ended(p.obj.Status.Phase) && !p.desired.gone) {
		return nil
	}
	return p.host.why
}

// explain turns what stopped a pass into words for the owner.
func (p *pass) explain(err error) (reconcile.Result, error) {
	var b *blocked
	switch {
	case errors.As(err, &b):
		return reconcile.Result{Waiting: b.message, Reason: b.reason, After: p.until(b.after)}, nil
	case errors.Is(err, docker.ErrUnreachable):
		p.Engines.Suspect(p.host.key)
		return reconcile.Result{Waiting: p.host.silent(), Reason: reasonUnreachable, After: p.until(unreachableRetry)}, nil
	case errors.Is(err, api.ErrConflict):
		return reconcile.Result{}, err
	}
	return reconcile.Result{After: p.until(0)}, reconcile.Because("EngineError", err)
}

// until is the shorter of a pause (0 is none) and the time to what comes due by
// itself. What is overdue waits for something else, and is not waited for.
func (p *pass) until(pause time.Duration) time.Duration {
	due := wake(p.desired, p.observed).Sub(p.planned)
	if due <= 0 || pause > 0 && pause < due {
		return pause
	}
	return due
}
