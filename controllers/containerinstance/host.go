package containerinstance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/docker"
)

// The reasons of a wait that lie with the host, and how soon a silent one is tried again.
const (
	reasonHostMissing  = "HostMissing"
	reasonUnreachable  = "HostUnreachable"
	reasonMaintenance  = "HostMaintenance"
	unreachableRetry   = 10 * time.Second
	missingTLSMaterial = "TLSSecretMissing"
)

// host is the DockerHost of an instance, as far as a pass needs it.
type host struct {
	key      api.Key
	target   docker.Target
	engine   docker.Engine // nil when it can't be asked
	why      *blocked      // why engine is nil, or why the host takes no new work
	mayPlace bool
}

// blocked is an error that somebody else has to end; the pass is repeated then, or after a while.
type blocked struct {
	reason, message string
	after           time.Duration
}

func (b *blocked) Error() string { return b.message }

func (h host) silent() string {
	return fmt.Sprintf("DockerHost %q does not answer: see its status", h.key.Name)
}

// findHost reads the DockerHost through objects, so that its changes bring the
// reader back, and the engine behind it.
func findHost(ctx context.Context, objects api.Getter, engines *docker.Pool, namespace, name string) (host, error) {
	h := host{key: api.Key{Kind: v1.DockerHost, Namespace: namespace, Name: name}}
	obj, err := objects.Get(ctx, h.key)
	if errors.Is(err, api.ErrNotFound) {
		h.why = &blocked{reason: reasonHostMissing, message: fmt.Sprintf("spec.hostRef: DockerHost %q is not there", name)}
		return h, nil
	}
	if err != nil {
		return h, err
	}
	var status v1.DockerHostStatus
	if len(obj.Status) > 0 {
		if err := json.Unmarshal(obj.Status, &status); err != nil {
			return h, fmt.Errorf("%s: status: %w", h.key, err)
		}
	}
	h.judge(obj, status)
	if h.why != nil && h.why.reason == reasonUnreachable {
		return h, nil
	}
	return h, h.dial(ctx, objects, engines, obj)
}

// judge says from the host's status whether it can be asked and takes new work.
func (h *host) judge(obj *api.Object, status v1.DockerHostStatus) {
	switch {
	case status.Phase == v1.HostMaintenance:
		h.why = &blocked{reason: reasonMaintenance, message: fmt.Sprintf("DockerHost %q is in maintenance", h.key.Name)}
	case status.Phase != v1.HostConnected:
		message := fmt.Sprintf("DockerHost %q is %s", h.key.Name, orPending(status.Phase))
		if status.LastError != "" {
			message += ": " + status.LastError
		}
		h.why = &blocked{reason: reasonUnreachable, message: message}
	case obj.DeletionTimestamp != nil:
		h.why = &blocked{reason: reasonHostMissing, message: fmt.Sprintf("DockerHost %q is being deleted", h.key.Name)}
	default:
		h.mayPlace = true
	}
}

func (h *host) dial(ctx context.Context, objects api.Getter, engines *docker.Pool, obj *api.Object) error {
	target, err := docker.TargetOf(ctx, objects, obj)
	if errors.Is(err, api.ErrNotFound) {
		h.mayPlace = false
		h.why = &blocked{reason: missingTLSMaterial, message: fmt.Sprintf("DockerHost %q: %v", h.key.Name, err)}
		return nil
	}
	if err != nil {
		return err
	}
	engine, err := engines.Engine(target)
	if err != nil {
		return err
	}
	h.target, h.engine = target, engine
	return nil
}

// shard is that of the host, which never changes: the server that works on the host works on its instances.
func shard(obj *api.Object) string {
	var spec v1.ContainerInstanceSpec
	_ = json.Unmarshal(obj.Spec, &spec) // what does not decode is shared out like any other
	return docker.Shard(obj.Namespace, spec.HostRef.Name)
}

func orPending(phase string) string {
	if phase == "" {
		return v1.HostPending
	}
	return phase
}
