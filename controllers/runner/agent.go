// Package runner is the agent that executes the steps of pipeline runs: it
// leases them from a server, runs them, and reports how they ended. It speaks HTTP
// through api/client and nothing else, so it works beside the server and on a machine of its own alike.
//
// A step outlives its runner. It runs under a small process, the shim, that
// masks and keeps its output and writes down how it ended; a runner that comes back finds the
// step by its directory, asks whether the lease is still its own, and goes on
// where it was. So the crash of a runner or a server, at any point, makes no
// step run twice that was begun, and none that is over is lost. A step whose
// lease was lost meanwhile is killed, since somebody else has it.
//
// Steps run as the runner's user, apart from each other by directories and
// environment only; whoever may write pipelines has that user's rights on the
// runner's machine. The package refuses to know pipelines, runs and
// what comes after a step: that is the server's part.
package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/powernode/powernode/api/client"
	"github.com/powernode/powernode/api/failpoint"
	protocol "github.com/powernode/powernode/api/runner"
)

// The settings of Agent.Docker beside an engine's address.
const (
	DockerAuto = "auto" // the engine at the usual address, while it answers
	DockerOff  = "off"
)

// leasePoll is how long the server may hold a call that asks for work.
const leasePoll = 30 * time.Second

// Agent executes steps. Programs that run one must call ShimMain first thing in main.
type Agent struct {
	// Client reaches the server.
	Client *client.Client
	// Name is who the runner is to the server; it must stay the same over restarts
	// and be no other runner's.
	Name string
	// Labels are what steps may ask for; ["default"] when empty.
	Labels []string
	// Dir keeps tasks and workspaces. One Agent works in it at a time.
	Dir string
	// Docker is the engine for steps with an image: auto (also when empty), off, or
	// its address. The engine must see Dir under the same path.
	Docker string
	// Parallel is how many steps run at a time; 1 when 0.
	Parallel int
	// KeepWorkspaces is how long the workspace of a run stays after its last step
	// here; 24 hours when 0.
	KeepWorkspaces time.Duration
	// Drain is how long Run lets steps finish after its context ended.
	Drain time.Duration
	// Leave says what becomes of steps that still run after that: true leaves them
	// to their shims, for the next start to pick up; false stops them, and the
	// server hands them out again when their leases run out.
	Leave bool
	// Log takes what a person who keeps the runner wants to know; nothing when nil.
	Log *slog.Logger

	spaces workspaces
	engine engine

	mu    sync.Mutex
	tasks map[string]*task // running here, by directory name
}

// The reasons for which the agent ends its work on a task before the task's end.
var (
	errLost        = errors.New("the lease was lost")
	errCancelled   = errors.New("the step was cancelled")
	errHandBack    = errors.New("the runner stops")
	errLeave       = errors.New("the runner stops and leaves the step to its shim")
	errInterrupted = errors.New("the step was interrupted")
)

// Run leases and executes steps until ctx ends; then it takes no more, waits
// for those that run as Drain says, and returns nil. First of all it takes up again what an earlier Run
// in the same directory left. An error is about the directory.
func (a *Agent) Run(ctx context.Context) error {
	unlock, err := a.open()
	if err != nil {
		return err
	}
	defer unlock()
	life, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	var steps, beside sync.WaitGroup
	slots := make(chan struct{}, max(a.Parallel, 1))
	if err := a.resume(life, &steps); err != nil {
		return err
	}
	beside.Go(func() { a.housekeep(ctx) })
	a.leaseLoop(ctx, slots, func(leased *protocol.Assignment) {
		steps.Go(func() {
			defer func() { <-slots }()
			a.accept(life, leased)
		})
	})
	stop := errHandBack
	if a.Leave {
		stop = errLeave
	}
	timer := time.AfterFunc(a.Drain, func() { end(stop) })
	defer timer.Stop()
	steps.Wait()
	beside.Wait()
	return nil
}

// open makes the directories and keeps a second agent out of them.
func (a *Agent) open() (unlock func(), err error) {
	if a.Name == "" || a.Client == nil || a.Dir == "" {
		return nil, errors.New("runner: Client, Name and Dir must be set")
	}
	if a.Log == nil {
		a.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if a.Dir, err = filepath.Abs(a.Dir); err != nil {
		return nil, err
	}
	for _, dir := range []string{a.tasksDir(), filepath.Join(a.Dir, "workspaces")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("runner's directory: %w", err)
		}
	}
	a.spaces.dir = filepath.Join(a.Dir, "workspaces")
	lock, err := os.OpenFile(filepath.Join(a.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("runner's directory: %w", err)
	}
	free, err := tryLock(lock)
	if err == nil && !free {
		err = fmt.Errorf("another runner works in %s; stop it or name another directory", a.Dir)
	}
	if err != nil {
		lock.Close()
		return nil, err
	}
	return func() { lock.Close() }, nil
}

func (a *Agent) tasksDir() string { return filepath.Join(a.Dir, "tasks") }

// leaseLoop asks for work whenever a slot is free, until ctx ends.
func (a *Agent) leaseLoop(ctx context.Context, slots chan struct{}, start func(*protocol.Assignment)) {
	labels := a.Labels
	if len(labels) == 0 {
		labels = []string{"default"}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case slots <- struct{}{}:
		}
		leased := a.lease(ctx, labels)
		if leased == nil { // ctx is over
			return
		}
		start(leased)
	}
}

// lease waits for a step; nil means that ctx ended.
func (a *Agent) lease(ctx context.Context, labels []string) *protocol.Assignment {
	for ctx.Err() == nil {
		leased, err := a.Client.Lease(ctx, protocol.LeaseRequest{
			Runner: a.Name, Labels: labels, Docker: a.probeDocker(ctx), WaitSeconds: int(leasePoll / time.Second),
		})
		if leased != nil {
			failpoint.At("runner.lease.after")
			return leased
		}
		if err != nil && ctx.Err() == nil {
			a.Log.Error("the server refuses to lease", "error", err)
			pause(ctx, 5*time.Second)
		}
	}
	return nil
}

// accept takes a fresh lease from its beginning to its end.
func (a *Agent) accept(ctx context.Context, leased *protocol.Assignment) {
	t := &task{agent: a, record: record{ID: leased.ID, Token: leased.Token, LeaseSeconds: leased.LeaseSeconds, Step: leased.Step, LogBase: -1}}
	t.setUp(leased.Secrets)
	if before := a.enter(t); before != nil {
		// The same task again: its former lease is lost, so that execution ends by itself.
		before.lose()
		<-before.done
		a.enter(t)
	}
	defer a.leave(t)
	if err := errors.Join(t.dir.remove(), t.dir.create(t.record)); err != nil {
		t.log.Error("the task can't be kept on disk", "error", err)
		a.spaces.release(t.space, false)
		return
	}
	t.run(ctx, func(ctx context.Context) error { return t.begin(ctx, leased.Secrets) })
}

// enter registers a task; it returns the one that has its place, if any.
func (a *Agent) enter(t *task) *task {
	a.mu.Lock()
	defer a.mu.Unlock()
	name := filepath.Base(string(t.dir))
	if before := a.tasks[name]; before != nil {
		return before
	}
	if a.tasks == nil {
		a.tasks = map[string]*task{}
	}
	a.tasks[name] = t
	return nil
}

func (a *Agent) leave(t *task) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.tasks, filepath.Base(string(t.dir)))
	close(t.done)
}

// knows reports whether the task of an id runs here.
func (a *Agent) knows(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tasks[fileName(id)] != nil
}
