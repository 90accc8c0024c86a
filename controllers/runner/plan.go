package runner

import (
	"context"
	"errors"
	"time"
)

// plan is all that the shim needs to execute a step. It holds secrets, so it
// travels through a pipe and is never written anywhere.
type plan struct {
	// Secrets are what is masked in output, outputs and messages.
	Secrets []string
	Timeout time.Duration
	Env     []string // name=value, complete
	// Exactly one of these says what is done.
	Command   *commandPlan   `json:",omitempty"`
	Container *containerPlan `json:",omitempty"`
	Checkout  *checkoutPlan  `json:",omitempty"`
}

// commandPlan is a process on the host.
type commandPlan struct {
	Argv []string
	Dir  string
}

// containerPlan is a process in a container.
type containerPlan struct {
	Endpoint  string // of the Docker engine
	Name      string
	Image     string
	Argv      []string
	Dir       string
	User      string
	Labels    map[string]string
	Workspace string // the directory on the host that is mounted at /workspace
}

// checkoutPlan is a git checkout.
type checkoutPlan struct {
	URL, Ref           string
	Depth              int    // 0 is the whole history
	Workspace, Path    string // Path is below Workspace; . is Workspace itself
	Username, Password string
}

// The places that a step in a container sees.
const (
	containerWorkspace = "/workspace"
	containerIO        = "/powernode"
)

// The grace that a process has between SIGTERM and SIGKILL.
const (
	timeoutGrace = 5 * time.Second
	cancelGrace  = time.Second
)

// graceOf is how long what must end, since ctx ended, may take to end by itself.
func graceOf(ctx context.Context) time.Duration {
	if errors.Is(context.Cause(ctx), errStopped) {
		return cancelGrace
	}
	return timeoutGrace
}
