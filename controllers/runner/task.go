package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/client"
	"github.com/powernode/powernode/api/failpoint"
	protocol "github.com/powernode/powernode/api/runner"
)

// task is one leased step in the hands of this runner.
type task struct {
	agent   *Agent
	adopted bool // taken up again; its secrets are the shim's alone
	record  record
	dir     taskDir
	lease   *client.Lease
	space   *workspace
	secrets []string
	masks   *masks
	log     *slog.Logger

	done      chan struct{}
	reporting atomic.Bool // the step is over: from here on the report itself tells whether the lease holds
	lost      context.CancelCauseFunc
	lostOnce  chan struct{} // closed when lost is set
	spoken    sync.Mutex    // one line at a time is added to the output
}

// setUp completes a task whose record is set.
func (t *task) setUp(secrets map[string]string) {
	t.dir = taskDir(filepath.Join(t.agent.tasksDir(), fileName(t.record.ID)))
	t.lease = &client.Lease{Client: t.agent.Client, ID: t.record.ID, Token: t.record.Token}
	t.space = t.agent.spaces.acquire(t.record.Step.RunUID)
	t.done, t.lostOnce = make(chan struct{}), make(chan struct{})
	t.log = t.agent.Log.With("task", t.record.ID, "namespace", t.record.Step.Namespace, "run", t.record.Step.Run, "step", t.record.Step.Name)
	public := map[string]bool{}
	for _, ref := range t.record.Step.SecretRefs {
		public[ref.As] = ref.Kind == "ConfigMap"
	}
	for name, value := range secrets {
		if !public[name] {
			t.secrets = append(t.secrets, value)
		}
	}
	t.masks = newMasks(t.secrets...)
}

// lose ends the work on the task as a lost lease does.
func (t *task) lose() {
	select {
	case <-t.lostOnce:
		t.lost(errLost)
	case <-t.done:
	}
}

// run takes the task from wherever begin leaves it to its end: reported, lost,
// handed back, or left to its shim.
func (t *task) run(ctx context.Context, begin func(context.Context) error) {
	err := t.execute(ctx, begin)
	if errors.Is(err, errLeave) || errors.Is(err, errHandBack) && t.dir.has("result.json") {
		t.agent.spaces.release(t.space, false)
		return
	}
	if err != nil {
		t.log.Warn("step given up", "reason", err)
	}
	t.kill()
	t.agent.spaces.release(t.space, err != nil)
	if err := t.dir.remove(); err != nil {
		t.log.Error("the task's directory can't be removed", "error", err)
	}
}

// execute returns nil once the server has the result.
func (t *task) execute(ctx context.Context, begin func(context.Context) error) error {
	life, end := context.WithCancelCause(ctx)
	defer end(nil)
	work, stop := context.WithCancelCause(life)
	defer stop(nil)
	t.lost = end
	close(t.lostOnce)
	raw, err := t.recorded()
	if err != nil {
		return err
	}
	var beside sync.WaitGroup
	defer beside.Wait()
	defer end(nil)
	beside.Go(func() { t.keepLease(life, stop) })
	if err := t.openLog(life); err != nil {
		return orCause(life, err)
	}
	over, shipped := make(chan struct{}), make(chan error, 1)
	beside.Go(func() { shipped <- t.ship(life, over) })
	if raw == nil {
		raw, err = t.perform(life, work, begin)
	}
	close(over)
	if gone := <-shipped; err == nil && !t.adopted {
		err = gone // else the report itself tells whether it was made before
	}
	if err != nil {
		return orCause(life, err)
	}
	failpoint.At("runner.report.before")
	err = t.report(ctx, raw)
	failpoint.At("runner.report.after")
	return err
}

// orCause prefers the reason for which ctx ended to what came of it.
func orCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// recorded is the result that was decided before, if it was.
func (t *task) recorded() (json.RawMessage, error) {
	raw, err := os.ReadFile(t.dir.path("result.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	t.reporting.Store(err == nil)
	return raw, err
}

// perform brings the step to its end and decides the result.
func (t *task) perform(life, work context.Context, begin func(context.Context) error) (json.RawMessage, error) {
	started := time.Now().UTC()
	failpoint.At("runner.begin.before")
	if err := begin(work); err != nil {
		if cause := context.Cause(life); cause != nil {
			return nil, cause
		}
		if errors.Is(err, errInterrupted) {
			return nil, err
		}
		if err := t.notBegun(work, err, started); err != nil {
			return nil, err
		}
	}
	failpoint.At("runner.begin.after")
	result, err := t.end(life, work)
	if err != nil {
		return nil, err
	}
	t.reporting.Store(true)
	raw, err := json.Marshal(result)
	if err != nil {
		return nil, err
	}
	if err := writeFile(t.dir.path("result.json"), raw); err != nil {
		t.log.Error("the result can't be kept on disk; it is reported all the same", "error", err)
	}
	return raw, nil
}

// end waits for the end of a step that has begun, and decides the result. When our own
// files fail us, a full disk for one, that is the step's failure: to give it up would have it run again.
func (t *task) end(life, work context.Context) (protocol.Result, error) {
	err := t.follow(work)
	if cause := context.Cause(life); err == nil && cause != nil {
		return protocol.Result{}, cause
	}
	var result protocol.Result
	if err == nil {
		result, err = t.conclude(life, work)
	}
	if err == nil || context.Cause(life) != nil || errors.Is(err, errLeave) || errors.Is(err, errInterrupted) || client.Gone(err) {
		return result, err
	}
	t.kill()
	now := time.Now().UTC()
	message := t.masks.text(fmt.Sprintf("the runner's own files fail it: %v", err))
	return protocol.Result{Conclusion: protocol.Failure, Reason: "RunnerFiles", Message: message, Started: now, Finished: now}, nil
}

// notBegun records why the step could not be started.
func (t *task) notBegun(work context.Context, err error, started time.Time) error {
	if errors.Is(err, api.ErrNotFound) || errors.Is(err, api.ErrConflict) {
		if f := new(failure); !errors.As(err, &f) {
			return err // the lease
		}
	}
	result := outcome(work, err, timeoutOf(t.record.Step))
	if errors.Is(context.Cause(work), errCancelled) {
		result = protocol.Result{Conclusion: protocol.Cancelled, Message: "cancelled before it began"}
	}
	result.Started, result.Finished = started, time.Now().UTC()
	return t.exit(result)
}

// exit writes down how the step ended, for a step without a shim.
func (t *task) exit(result protocol.Result) error {
	result.Message = t.masks.text(result.Message)
	result.Outputs = maskAll(t.masks, result.Outputs)
	if result.Conclusion == protocol.Failure {
		t.say("Error: " + result.Message)
	}
	return t.dir.writeJSON("exit.json", result)
}

// say adds a line to the step's output. It must not be called while a shim runs.
func (t *task) say(line string) {
	t.spoken.Lock()
	defer t.spoken.Unlock()
	f, err := os.OpenFile(t.dir.path("output.log"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.log.Error("the step's output can't be written", "error", err)
		return
	}
	defer f.Close()
	if _, err := fmt.Fprintln(f, t.masks.text(line)); err != nil {
		t.log.Error("the step's output can't be written", "error", err)
	}
}
