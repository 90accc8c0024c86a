package docker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/failpoint"
)

// List implements Containers. A container that goes away while it is looked at
// is left out.
func (c *Client) List(ctx context.Context, labels map[string]string) ([]Container, error) {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	args := filters.NewArgs()
	for name, value := range labels {
		args.Add("label", name+"="+value)
	}
	sdk, err := c.sdk(call)
	if err != nil {
		return nil, wrap(ctx, err, "list containers of %s", c.endpoint)
	}
	found, err := sdk.ContainerList(call, container.ListOptions{All: true, Filters: args})
	if err != nil {
		return nil, wrap(ctx, err, "list containers of %s", c.endpoint)
	}
	var out []Container
	for _, summary := range found {
		seen, err := sdk.ContainerInspect(call, summary.ID)
		if cerrdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, wrap(ctx, err, "look at container %s", nameOf(summary.Names))
		}
		out = append(out, observed(seen))
	}
	slices.SortFunc(out, func(a, b Container) int { return a.Created.Compare(b.Created) })
	return out, nil
}

func observed(seen container.InspectResponse) Container {
	out := Container{
		ID: seen.ID, Name: strings.TrimPrefix(seen.Name, "/"), ImageID: seen.Image, Labels: seen.Config.Labels,
		State: State(seen.State.Status), ExitCode: seen.State.ExitCode, OOMKilled: seen.State.OOMKilled, Error: seen.State.Error,
		Created: instant(seen.Created), Started: instant(seen.State.StartedAt), Finished: instant(seen.State.FinishedAt),
	}
	if out.Ended() && out.Finished.Before(out.Started) { // the engine notes a start late: very short runs end before
		out.Finished = out.Started
	}
	if seen.State.Health != nil && seen.State.Health.Status != container.NoHealthcheck {
		out.Health = seen.State.Health.Status
	}
	if seen.NetworkSettings != nil {
		for name := range seen.NetworkSettings.Networks {
			out.Networks = append(out.Networks, name)
		}
		slices.Sort(out.Networks)
	}
	return out
}

// instant reads the engine's way to write a time; year 1 is never.
func instant(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t
}

// Create implements Containers.
func (c *Client) Create(ctx context.Context, spec Spec) (string, error) {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	config, host := configOf(spec)
	return c.create(ctx, call, config, host, spec.Name)
}

func (c *Client) create(ctx, call context.Context, config *container.Config, host *container.HostConfig, name string) (string, error) {
	sdk, err := c.sdk(call)
	if err != nil {
		return "", wrap(ctx, err, "create container %s", name)
	}
	failpoint.At("docker.create.before")
	made, err := sdk.ContainerCreate(call, config, host, &network.NetworkingConfig{}, nil, name)
	failpoint.At("docker.create.after")
	return made.ID, wrap(ctx, err, "create container %s", name)
}

// Connect implements Containers.
func (c *Client) Connect(ctx context.Context, id, name string) error {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	sdk, err := c.sdk(call)
	if err == nil {
		err = sdk.NetworkConnect(call, name, id, nil)
	}
	if err != nil && strings.Contains(err.Error(), "already exists in network") {
		return nil
	}
	return wrap(ctx, err, "connect the container to network %s", name)
}

// Start implements Containers.
func (c *Client) Start(ctx context.Context, id string) error {
	call, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	sdk, err := c.sdk(call)
	if err == nil {
		failpoint.At("docker.start.before")
		err = sdk.ContainerStart(call, id, container.StartOptions{})
		failpoint.At("docker.start.after")
	}
	return wrap(ctx, err, "start the container")
}

// Stop implements Containers.
func (c *Client) Stop(ctx context.Context, id string, grace time.Duration) error {
	call, cancel := context.WithTimeout(ctx, grace+callTimeout)
	defer cancel()
	seconds := int(grace / time.Second)
	sdk, err := c.sdk(call)
	if err == nil {
		failpoint.At("docker.stop.before")
		err = sdk.ContainerStop(call, id, container.StopOptions{Timeout: &seconds})
		failpoint.At("docker.stop.after")
	}
	return unlessGone(wrap(ctx, err, "stop the container"))
}

// Remove implements Containers.
func (c *Client) Remove(ctx context.Context, id string) error {
	call, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	sdk, err := c.sdk(call)
	if err == nil {
		failpoint.At("docker.remove.before")
		err = sdk.ContainerRemove(call, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
		failpoint.At("docker.remove.after")
	}
	if err != nil && strings.Contains(err.Error(), "is already in progress") {
		return nil
	}
	return unlessGone(wrap(ctx, err, "remove the container"))
}

func unlessGone(err error) error {
	if errors.Is(err, api.ErrNotFound) {
		return nil
	}
	return err
}
