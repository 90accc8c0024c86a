package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/powernode/powernode/api"
)

// ErrImage wraps what keeps an image from being there.
var ErrImage = errors.New("the image is not available")

// RunStep runs a container to its end and returns its exit code. The image is
// pulled when the engine does not have it. All output goes to out and nowhere
// else: the engine keeps no log, since what a step prints is not masked yet. A container
// of the same name is what an earlier try left behind and is removed first.
//
// When ctx ends the container is stopped, by force after grace(), and the cause
// of ctx is returned. The container is removed whatever happens.
func (c *Client) RunStep(ctx context.Context, spec Spec, out io.Writer, grace func() time.Duration) (exitCode int, err error) {
	if err := c.ensureImage(ctx, spec.Image, out); err != nil {
		return 0, err
	}
	if err := c.Remove(ctx, spec.Name); err != nil {
		return 0, err
	}
	id, err := c.createStep(ctx, spec)
	if err != nil {
		return 0, err
	}
	lasting := context.WithoutCancel(ctx)
	defer func() { err = errors.Join(err, c.Remove(lasting, id)) }()
	sdk, err := c.sdk(ctx)
	if err != nil {
		return 0, wrap(ctx, err, "attach to the container of the step")
	}
	stream, err := sdk.ContainerAttach(ctx, id, container.AttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return 0, wrap(ctx, err, "attach to the container of the step")
	}
	defer stream.Close()
	copied := make(chan error, 1)
	go func() {
		_, err := stdcopy.StdCopy(out, out, stream.Reader)
		copied <- err
	}()
	code, err := c.untilExit(ctx, id, grace)
	return code, errors.Join(err, lastOutput(stream.Close, copied))
}

// createStep makes the container with a log driver that keeps nothing.
func (c *Client) createStep(ctx context.Context, spec Spec) (string, error) {
	config, host := configOf(spec)
	host.LogConfig = container.LogConfig{Type: "none"}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return c.create(ctx, call, config, host, spec.Name)
}

func (c *Client) ensureImage(ctx context.Context, ref string, out io.Writer) error {
	_, err := c.Image(ctx, ref)
	if errors.Is(err, api.ErrNotFound) {
		if _, err := fmt.Fprintf(out, "Pulling %s\n", ref); err != nil {
			return err
		}
		err = c.Pull(ctx, ref)
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, ErrUnreachable) {
		return fmt.Errorf("%w: %w", ErrImage, err)
	}
	return err
}

// untilExit starts the container and waits for its end.
func (c *Client) untilExit(ctx context.Context, id string, grace func() time.Duration) (int, error) {
	lasting, done := context.WithCancel(context.WithoutCancel(ctx))
	defer done()
	sdk, err := c.sdk(ctx)
	if err != nil {
		return 0, wrap(ctx, err, "wait for the container")
	}
	ended, broken := sdk.ContainerWait(lasting, id, container.WaitConditionNextExit)
	if err := c.Start(ctx, id); err != nil {
		return 0, err
	}
	select {
	case end := <-ended:
		return exitOf(end)
	case err := <-broken:
		return 0, wrap(lasting, err, "wait for the container")
	case <-ctx.Done():
		return 0, errors.Join(context.Cause(ctx), c.Stop(lasting, id, grace()))
	}
}

func exitOf(end container.WaitResponse) (int, error) {
	if end.Error != nil && end.Error.Message != "" {
		return 0, errors.New(end.Error.Message)
	}
	return int(end.StatusCode), nil
}

// lastOutput gives the stream a moment to bring what the container wrote last.
func lastOutput(hangUp func(), copied <-chan error) error {
	timer := time.NewTimer(5 * time.Second)
	defer timer.Stop()
	select {
	case err := <-copied:
		return err
	case <-timer.C:
		hangUp()
		<-copied
		return nil
	}
}
