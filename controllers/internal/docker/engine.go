package docker

import (
	"context"
	"io"
	"time"
)

// MinAPIVersion is the oldest Engine API that is spoken (Docker 20.10).
const MinAPIVersion = "1.41"

// Engine is one Docker engine. Its methods are safe for concurrent use and wrap
// the errors of this package and of package api: api.ErrNotFound,
// api.ErrConflict, ErrUnreachable.
type Engine interface {
	// Ping asks for a sign of life.
	Ping(ctx context.Context) error
	// Info describes the engine and counts what it has.
	Info(ctx context.Context) (Info, error)
	// Events calls event for what happens to containers that carry LabelUID, from
	// since on (the zero time is now), until ctx ends or the connection is lost; it always
	// returns an error. connected is called once, when the stream stands.
	Events(ctx context.Context, since time.Time, connected func(), event func(Event)) error
	Containers
	Images
}

// Containers are the containers of an engine.
type Containers interface {
	// List returns the containers that carry all labels, whatever their state, oldest first.
	List(ctx context.Context, labels map[string]string) ([]Container, error)
	// Create makes a container and does not start it. api.ErrConflict when the name is taken.
	Create(ctx context.Context, spec Spec) (id string, err error)
	// Connect attaches a container to a network; no error when it is.
	Connect(ctx context.Context, id, network string) error
	// Start starts a container; no error when it runs.
	Start(ctx context.Context, id string) error
	// Stop sends SIGTERM, and SIGKILL after grace; no error when it does not run or is gone.
	Stop(ctx context.Context, id string, grace time.Duration) error
	// Remove kills and removes a container with its anonymous volumes; no error when it is gone.
	Remove(ctx context.Context, id string) error
	// Logs reads the output of a container, stdout and stderr in the order they
	// were written. The caller closes it.
	Logs(ctx context.Context, id string, opts LogOptions) (io.ReadCloser, error)
}

// Images are the images of an engine.
type Images interface {
	// Image looks up an image by reference or ID. api.ErrNotFound when the engine does not have it.
	Image(ctx context.Context, ref string) (Image, error)
	// Pull fetches an image from its registry and returns when it is there.
	Pull(ctx context.Context, ref string) error
}

// Info is what an engine says about itself.
type Info struct {
	EngineVersion, APIVersion, OS, Architecture, Kernel string
	CPUs                                                int
	MemoryBytes                                         int64
	Running, Stopped, Paused                            int // containers
	Images, DanglingImages, Volumes, Networks           int
}

// Container is a container as it was observed.
type Container struct {
	ID, Name string
	ImageID  string
	Labels   map[string]string
	State    State
	ExitCode int // of a container that has ended
	// OOMKilled says that the kernel ended it for want of memory.
	OOMKilled         bool
	Error             string    // why the engine could not start it
	Created           time.Time // by the engine's clock, like the two below
	Started, Finished time.Time // zero when it never was
	Health            string    // starting, healthy, unhealthy; empty without a health check
	Networks          []string  // by name
}

// State is a container's state in the engine's words.
type State string

// The states of a container.
const (
	Created    State = "created"
	Running    State = "running"
	Paused     State = "paused"
	Restarting State = "restarting"
	Removing   State = "removing"
	Exited     State = "exited"
	Dead       State = "dead"
)

// Ended reports whether the container ran and does not any more.
func (c Container) Ended() bool { return c.State == Exited || c.State == Dead }

// Image is an image of an engine. Digest is the registry's name for its
// content (name@sha256:...), empty when it came from no registry.
type Image struct{ ID, Digest string }

// LogOptions narrows Logs.
type LogOptions struct {
	Follow     bool // goes on until the container ends
	Tail       int  // only the last lines; 0 is all
	Timestamps bool
}

// Event is something that happened to a container.
type Event struct {
	Action string // start, die, destroy, ...
	ID     string
	Labels map[string]string
	At     time.Time
}
