// Package dockerhost keeps in touch with Docker engines: it says of each
// whether it can be reached and what it is, and has its events followed.
//
// A host's phase is about the connection alone. How many tries failed in a row is
// kept in memory and not in the status, so that a host that is gone, like one
// that is well, causes no writes. The package refuses to know what runs on a host.
package dockerhost

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/docker"
	"github.com/powernode/powernode/reconcile"
)

// Controller reconciles DockerHosts. Engines is shared with the controllers of what runs there.
// It must not be copied once it is in use.
type Controller struct {
	Engines *docker.Pool

	mu       sync.Mutex
	contacts map[api.Key]contact
}

// contact is what is known of the tries to reach a host. A restart forgets it, and so does
// a handover to another server: then the first answer, or its want, is as good as any.
type contact struct {
	uid        types.UID
	failures   int   // in a row
	generation int64 // of the spec whose facts were read
	connected  bool
}

// Kind makes the controller ready for the Manager.
func Kind(c *Controller) reconcile.Kind {
	return reconcile.For(v1.DockerHost, c, reconcile.Hints(c.Engines.Hints(v1.DockerHost)),
		reconcile.Shard(func(host *api.Object) string { return docker.Shard(host.Namespace, host.Name) }),
		reconcile.Released(c.release))
}

type object = reconcile.Object[v1.DockerHostSpec, v1.DockerHostStatus]

var _ reconcile.Reconciler[v1.DockerHostSpec, v1.DockerHostStatus] = (*Controller)(nil)

// Reconcile implements reconcile.Reconciler.
func (c *Controller) Reconcile(ctx context.Context, obj *object) (reconcile.Result, error) {
	if obj.Status.Phase == "" {
		obj.Status.Phase = v1.HostPending
	}
	target, err := docker.TargetOfSpec(ctx, obj.Objects, obj.Namespace, obj.Spec)
	if errors.Is(err, api.ErrNotFound) {
		return reconcile.Wait("%v", err)
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	if err := c.Engines.Watch(obj.Key, target); err != nil {
		return reconcile.Result{}, reconcile.Permanent(reconcile.Because("InvalidTarget", err))
	}
	if obj.Spec.Maintenance {
		c.forget(obj.Key)
		obj.Status.Phase, obj.Status.LastError = v1.HostMaintenance, ""
		return reconcile.Result{Waiting: "in maintenance: no new work is placed here", Reason: "Maintenance"}, nil
	}
	engine, err := c.Engines.Engine(target)
	if err != nil {
		return reconcile.Result{}, err
	}
	return c.contact(ctx, obj, engine)
}

// contact asks the engine for a sign of life and, when they are due, for facts.
func (c *Controller) contact(ctx context.Context, obj *object, engine docker.Engine) (reconcile.Result, error) {
	before := c.contactOf(obj)
	var err error
	if autoSync(obj.Spec) || !before.connected || before.generation != obj.Meta.Generation {
		err = readFacts(ctx, engine, &obj.Status)
	} else {
		err = engine.Ping(ctx)
	}
	if ctx.Err() != nil {
		return reconcile.Result{}, ctx.Err() // we were ended: that says nothing about the host
	}
	if err != nil {
		return c.lost(obj, before, err)
	}
	c.remember(obj, contact{generation: obj.Meta.Generation, connected: true})
	if obj.Status.Phase != v1.HostConnected {
		obj.Eventf("Normal", "Connected", "connected to %s", obj.Spec.Endpoint)
	}
	obj.Status.Phase, obj.Status.LastError = v1.HostConnected, ""
	return reconcile.Result{Reason: "Connected", After: interval(obj.Spec)}, nil
}

// lost notes a try that failed. The status changes with the phase only.
func (c *Controller) lost(obj *object, before contact, cause error) (reconcile.Result, error) {
	now := contact{failures: before.failures + 1}
	c.remember(obj, now)
	phase := phaseAfter(obj.Status.Phase, now.failures)
	if phase != obj.Status.Phase {
		obj.Status.Phase, obj.Status.LastError = phase, cause.Error()
		obj.Eventf("Warning", "Unreachable", "%v", cause)
	}
	return reconcile.Result{
		Waiting: fmt.Sprintf("spec.endpoint %s: %s", obj.Spec.Endpoint, obj.Status.LastError),
		Reason:  "Unreachable",
		After:   retryIn(now.failures, interval(obj.Spec)),
	}, nil
}

// Delete implements reconcile.Reconciler. A host stays, and is kept in touch
// with, until no instance needs it any more to clean up what it has there.
func (c *Controller) Delete(ctx context.Context, obj *object) (reconcile.Result, error) {
	tenants, err := tenantsOf(ctx, obj)
	if err != nil {
		return reconcile.Result{}, err
	}
	if len(tenants) > 0 {
		result, err := c.Reconcile(ctx, obj)
		result.Waiting = fmt.Sprintf("%d ContainerInstances are on this host, %s first: delete them", len(tenants), tenants[0])
		result.Reason = "InUse"
		return result, err
	}
	c.release(obj.Key)
	return reconcile.Done, nil
}

func (c *Controller) contactOf(obj *object) contact {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.contacts[obj.Key]; known.uid == obj.Meta.UID {
		return known
	}
	return contact{}
}

func (c *Controller) remember(obj *object, now contact) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.contacts == nil {
		c.contacts = map[api.Key]contact{}
	}
	now.uid = obj.Meta.UID
	c.contacts[obj.Key] = now
}

func (c *Controller) forget(host api.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.contacts, host)
}

// release ends the touch with a host that is gone or another server's.
func (c *Controller) release(host api.Key) {
	c.Engines.Forget(host)
	c.forget(host)
}

func autoSync(spec v1.DockerHostSpec) bool { return spec.AutoSync == nil || *spec.AutoSync }

// interval is when the host is asked again, up to a tenth earlier at random so
// that hosts that were added together are not asked together.
func interval(spec v1.DockerHostSpec) time.Duration {
	d := time.Minute
	if spec.SyncIntervalSeconds != 0 {
		d = time.Duration(spec.SyncIntervalSeconds) * time.Second
	}
	return d - rand.N(d/10)
}
