package containerinstance

import (
	"context"
	"time"

	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/docker"
)

// The labels that say which execution a container belongs to, beside those of every kind.
const (
	labelExecution = "powernode.io/execution"
	labelAttempt   = "powernode.io/attempt"
)

// open reads what a pass needs of other objects, and what the owner wants.
func (c Controller) open(ctx context.Context, obj *object) (*pass, error) {
	h, err := findHost(ctx, obj.Objects, c.Engines, obj.Namespace, obj.Spec.HostRef.Name)
	if err != nil {
		return nil, err
	}
	return &pass{Controller: c, obj: obj, host: h, desired: desiredOf(obj.Spec, h.mayPlace)}, nil
}

func desiredOf(spec v1.ContainerInstanceSpec, mayPlace bool) desired {
	d := desired{
		hash: hashOf(spec), service: spec.Run == v1.RunService, cancel: spec.Cancel, mayPlace: mayPlace,
		timeout: time.Duration(spec.TimeoutSeconds) * time.Second, retries: spec.BackoffLimit, restart: spec.RestartPolicy,
	}
	if d.timeout == 0 {
		d.timeout = time.Hour
	}
	if d.restart == "" {
		d.restart = v1.RestartAlways
	}
	if len(spec.Networks) > 1 {
		d.networks = spec.Networks
	}
	return d
}

// observe looks at the engine: everything there that carries our uid.
func (p *pass) observe(ctx context.Context) error {
	p.observed = observed{status: p.obj.Status, blind: true}
	if p.host.engine == nil {
		return nil
	}
	containers, err := p.host.engine.List(ctx, map[string]string{v1.LabelUID: string(p.obj.Meta.UID)})
	if err != nil {
		return err
	}
	p.obj.Status.Node = p.host.key.Name
	p.observed = observed{status: p.obj.Status, containers: containers}
	return p.describe(ctx)
}

// describe copies into the status what the engine says of the present container.
func (p *pass) describe(ctx context.Context) error {
	s := &p.obj.Status
	current, _ := p.observed.sort()
	if current == nil {
		return nil
	}
	s.Health = ""
	if current.State == docker.Running {
		s.Health = current.Health
	}
	if s.Image == "" && s.ContainerID == current.ID {
		image, err := p.host.engine.Image(ctx, current.ImageID)
		if err != nil { // removed from under its container: the ID is still true
			image = docker.Image{ID: current.ImageID}
		}
		s.Image = image.ID
		if image.Digest != "" {
			s.Image = image.Digest
		}
	}
	p.observed.status = *s
	return nil
}
