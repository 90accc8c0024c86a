package containerinstance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/docker"
)

// do carries one op out and records it.
func (p *pass) do(ctx context.Context, o op) error {
	if err := p.act(ctx, o); err != nil {
		return err
	}
	now := time.Now()
	if err := record(&p.obj.Status, p.desired, o, now); err != nil {
		return err
	}
	p.observed.status = p.obj.Status
	p.unstored = p.unstored || o.mustBeStored()
	p.tell(o)
	return nil
}

// act changes the engine, or the log.
func (p *pass) act(ctx context.Context, o op) error {
	engine := p.host.engine
	switch o.do {
	case opImage:
		return p.ensureImage(ctx)
	case opCreate:
		return p.create(ctx)
	case opConnect:
		return engine.Connect(ctx, o.id, o.network)
	case opStart:
		return engine.Start(ctx, o.id)
	case opStop:
		return engine.Stop(ctx, o.id, graceOf(p.obj.Spec))
	case opRemove:
		return engine.Remove(ctx, o.id)
	case opKeepLog:
		return p.keepLog(ctx, o.id)
	}
	return nil
}

// create makes the container of the present attempt. Values of secrets go to
// the engine and nowhere else; an answer that quotes one is masked.
func (p *pass) create(ctx context.Context) error {
	env, secrets, err := resolveEnv(ctx, p.obj.Objects, p.obj.Namespace, p.obj.Spec)
	if err != nil {
		return err
	}
	spec, err := containerOf(p.obj, env)
	if err != nil {
		return err
	}
	_, err = p.host.engine.Create(ctx, spec)
	if errors.Is(err, api.ErrConflict) {
		return p.nameTaken(ctx, spec.Name, err)
	}
	return mask(err, secrets)
}

// nameTaken tells a container of ours that an earlier pass made after all
// (look again) from one of somebody else's, which is not touched.
func (p *pass) nameTaken(ctx context.Context, name string, conflict error) error {
	ours, err := p.host.engine.List(ctx, map[string]string{v1.LabelUID: string(p.obj.Meta.UID)})
	if err != nil {
		return err
	}
	for _, c := range ours {
		if c.Name == name {
			return conflict
		}
	}
	return &blocked{"NameTaken", fmt.Sprintf("container %s on DockerHost %q is not ours: remove or rename it", name, p.host.key.Name), resync}
}

// ensureImage makes sure that the engine has the image, by the pull policy.
func (p *pass) ensureImage(ctx context.Context) error {
	ref, policy := p.obj.Spec.Image, p.obj.Spec.PullPolicy
	if policy != v1.PullAlways {
		_, err := p.host.engine.Image(ctx, ref)
		if !errors.Is(err, api.ErrNotFound) {
			return err
		}
		if policy == v1.PullNever {
			return &blocked{"ImageMissing", fmt.Sprintf(
				"image %s is not on DockerHost %q and spec.pullPolicy is Never: load it there (docker load, docker import), or choose another policy", ref, p.host.key.Name), p.imageRetry()}
		}
	}
	err := p.Engines.Pull(ctx, p.host.target, ref, p.obj.Key)
	switch {
	case errors.Is(err, docker.ErrPulling):
		return &blocked{"Pulling", fmt.Sprintf("image %s is being pulled to DockerHost %q", ref, p.host.key.Name), 0}
	case errors.Is(err, docker.ErrUnreachable), err == nil, ctx.Err() != nil:
		return err
	}
	return &blocked{"ImagePullFailed", fmt.Sprintf(
		"image %s is not on DockerHost %q and can't be pulled: check spec.image, or load it there (docker load, docker import): %v", ref, p.host.key.Name, err), p.imageRetry()}
}

// imageRetry grows with the time that has been spent waiting: 10 seconds to 2 minutes.
func (p *pass) imageRetry() time.Duration {
	since := timeOf(p.obj.Status.Provisioning)
	if p.obj.Status.Phase != v1.InstanceProvisioning || since.IsZero() {
		return resync
	}
	return min(max(time.Since(since).Truncate(time.Second), 10*time.Second), 2*time.Minute)
}

// mask takes secret values out of an engine's words.
func mask(err error, secrets []string) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, secret := range secrets {
		if secret != "" && strings.Contains(text, secret) {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}
