package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	protocol "github.com/powernode/powernode/api/runner"
)

const (
	// lookPause is how often the shim and its output are looked at.
	lookPause = 50 * time.Millisecond
	// shimPatience is how long a shim that was asked to stop its step may take,
	// graces included, before it is killed.
	shimPatience = 15 * time.Second
)

// startShim starts the shim and tells it the plan. The lock on the directory
// passes to it: there is no moment at which a restarted runner could take a shim that is starting for none.
func (t *task) startShim(p plan) error {
	lock, err := t.dir.lock()
	if err != nil {
		return err
	}
	if lock == nil {
		return errors.New("a shim works in the task's directory already")
	}
	defer lock.Close()
	said, err := os.OpenFile(t.dir.path("shim.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer said.Close()
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	defer writer.Close()
	shim, err := shimCommand(t.dir)
	if err != nil {
		return err
	}
	shim.Stdin, shim.Stdout, shim.Stderr = reader, said, said
	shim.ExtraFiles = []*os.File{lock}
	err = shim.Start()
	reader.Close()
	if err != nil {
		return fmt.Errorf("start the shim: %w", err)
	}
	go func() { _ = shim.Wait() }() // collects the process; the lock and exit.json tell how it went
	if err := json.NewEncoder(writer).Encode(p); err != nil {
		return fmt.Errorf("tell the shim its plan: %w", err)
	}
	return nil
}

// shimCommand is this program again, as the shim of a directory, in a session
// of its own and with nothing of this process's environment.
func shimCommand(d taskDir) (*exec.Cmd, error) {
	self := "/proc/self/exe" // the running program, even when its file was replaced
	if runtime.GOOS != "linux" {
		var err error
		if self, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	c := exec.Command(self)
	c.Args = []string{"powernode-step", shimArgument, string(d)}
	c.Dir, c.Env = "/", shimEnv()
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return c, nil
}

// shimEnv is all that a shim gets of the environment.
var shimEnv = func() []string { return []string{"PATH=" + hostPath()} }

// follow waits until no shim works any more, and has it stop its step when work ends.
func (t *task) follow(work context.Context) error {
	ticker := time.NewTicker(lookPause)
	defer ticker.Stop()
	var asked time.Time
	done := work.Done()
	for {
		alive, err := t.dir.alive()
		if err != nil || !alive {
			return err
		}
		select {
		case <-done:
			done = nil
			if errors.Is(context.Cause(work), errLeave) {
				return errLeave
			}
			asked = time.Now()
		case <-ticker.C:
		}
		if !asked.IsZero() {
			t.press(time.Since(asked))
		}
	}
}

// press asks the shim to stop its step, and ends it when it does not.
func (t *task) press(since time.Duration) {
	sig := syscall.SIGTERM
	if since > shimPatience {
		sig = syscall.SIGKILL
	}
	if err := t.dir.signal(sig); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.log.Error("the shim can't be stopped", "error", err)
	}
}

// kill makes sure that nothing of the step is left on the machine.
func (t *task) kill() {
	for range 100 {
		alive, err := t.dir.alive()
		if err != nil || !alive {
			break
		}
		_ = t.dir.signal(syscall.SIGKILL)
		time.Sleep(lookPause)
	}
	killStragglers(t.dir)
	if endpoint := t.agent.dockerEndpoint(); endpoint != "" && t.record.Step.Image != "" {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := removeContainer(ctx, endpoint, t.record.ID); err != nil {
			t.log.Error("the step's container can't be removed", "error", err)
		}
	}
}

// conclude decides the result of a step whose shim has ended.
func (t *task) conclude(life, work context.Context) (protocol.Result, error) {
	var result protocol.Result
	err := t.dir.readJSON("exit.json", &result)
	if err != nil && t.adopted {
		return result, errInterrupted
	}
	if err != nil && errors.Is(context.Cause(work), errCancelled) {
		result = t.unexplained(protocol.Cancelled, "stopped by force")
	} else if err != nil {
		result = t.unexplained(protocol.Failure, "the process that supervised the step was killed")
	}
	if result.Conclusion == protocol.Cancelled && !errors.Is(context.Cause(work), errCancelled) {
		// Somebody stopped the shim; whether that was asked for the server knows.
		renewal, err := t.lease.Renew(life, 0)
		if err != nil {
			return result, err
		}
		if !renewal.Cancel {
			return result, errInterrupted
		}
	}
	if t.record.Step.SaveWorkspace && result.Conclusion != protocol.Cancelled {
		blob, note, err := t.space.snapshot(life, t.lease.PutBlob)
		if err != nil {
			return result, err
		}
		if note != "" {
			t.say(note)
		}
		result.Workspace = blob
	}
	return result, nil
}

// unexplained is the result of a step whose shim vanished.
func (t *task) unexplained(conclusion protocol.Conclusion, message string) protocol.Result {
	if f, err := os.Open(t.dir.path("shim.log")); err == nil {
		defer f.Close()
		if said, _ := io.ReadAll(io.LimitReader(f, 1000)); len(said) > 0 {
			message = "the process that supervised the step failed: " + string(said)
		}
	}
	now := time.Now().UTC()
	return protocol.Result{Conclusion: conclusion, Reason: "Interrupted", Message: t.masks.text(message), Started: now, Finished: now}
}
