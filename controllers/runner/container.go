package runner

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/powernode/powernode/controllers/internal/docker"
)

// The labels of a step's container beside those that everything of ours has.
const (
	labelTask   = "powernode.io/task"
	labelStep   = "powernode.io/step"
	labelRunner = "powernode.io/runner"
)

// containerName names the container of a task: the same whoever asks, so that
// no second one can be started beside it.
func containerName(id string) string { return "powernode-step-" + fileName(id) }

// runContainer runs the step in a container; the shim stays beside it, as it
// does beside a process.
func runContainer(ctx context.Context, d taskDir, p plan, out io.Writer) error {
	c := p.Container
	engine, err := docker.Dial(docker.Target{Endpoint: c.Endpoint})
	if err != nil {
		return failed("DockerUnavailable", err)
	}
	defer engine.Close()
	spec := docker.Spec{
		Name: c.Name, Image: c.Image, Entrypoint: c.Argv[:1], Cmd: c.Argv[1:],
		Env: p.Env, WorkingDir: c.Dir, User: c.User, Labels: c.Labels,
		Mounts: []docker.Mount{
			{Type: "bind", Source: c.Workspace, Target: containerWorkspace},
			{Type: "bind", Source: d.path("io"), Target: containerIO},
		},
	}
	code, err := engine.RunStep(ctx, spec, out, func() time.Duration { return graceOf(ctx) })
	switch {
	case errors.Is(err, docker.ErrImage):
		return failed("ImagePull", err)
	case errors.Is(err, docker.ErrUnreachable):
		return failed("DockerUnavailable", err)
	case err != nil:
		return failed("StartFailed", err)
	case code != 0:
		return &exitError{code: code}
	}
	return nil
}

// removeContainer removes the container of a task whose shim is gone.
func removeContainer(ctx context.Context, endpoint, id string) error {
	engine, err := docker.Dial(docker.Target{Endpoint: endpoint})
	if err != nil {
		return err
	}
	defer engine.Close()
	return engine.Remove(ctx, containerName(id))
}

// removeOrphans removes the containers of this runner whose tasks it does not know.
func removeOrphans(ctx context.Context, endpoint, runner string, known func(id string) bool) error {
	engine, err := docker.Dial(docker.Target{Endpoint: endpoint})
	if err != nil {
		return err
	}
	defer engine.Close()
	found, err := engine.List(ctx, map[string]string{labelRunner: runner})
	for _, c := range found {
		if !known(c.Labels[labelTask]) {
			err = errors.Join(err, engine.Remove(ctx, c.ID))
		}
	}
	return err
}

// dockerAnswers reports whether there is an engine at endpoint.
func dockerAnswers(ctx context.Context, endpoint string) bool {
	engine, err := docker.Dial(docker.Target{Endpoint: endpoint})
	if err != nil {
		return false
	}
	defer engine.Close()
	return engine.Ping(ctx) == nil
}
