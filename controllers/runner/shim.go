package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"

	protocol "github.com/powernode/powernode/api/runner"
)

// shimArgument marks a process as the shim of a step; the task's directory follows it.
const shimArgument = "supervise-powernode-step"

// ShimMain must be the first call of main in every program that runs an Agent.
// It returns at once unless the agent started this process to supervise a step;
// then it does that and exits.
//
// The shim is what makes a step outlive its runner: a process of its own
// session that starts the step, masks and keeps its output, holds it to its time
// and writes down how it ended. It talks to nobody; SIGTERM asks it to stop the step.
func ShimMain() {
	if len(os.Args) != 3 || os.Args[1] != shimArgument {
		return
	}
	if err := supervise(taskDir(os.Args[2]), os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// The reasons that end a step early.
var (
	errTimedOut = errors.New("the step's time is over")
	errStopped  = errors.New("the step is to stop")
)

func supervise(d taskDir, planned io.Reader) error {
	runtime.LockOSThread() // the parent-death signal of the step is tied to the thread that starts it
	closeInherited()
	if err := adoptOrphans(); err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE)
	signal.Notify(stop, syscall.SIGTERM)
	if err := writeFile(d.path("shim.pid"), []byte(strconv.Itoa(os.Getpid()))); err != nil {
		return err
	}
	var p plan
	if err := json.NewDecoder(planned).Decode(&p); err != nil {
		return fmt.Errorf("the runner went away before it said what to do: %w", err)
	}
	if err := writeFile(d.path("started"), nil); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	timer := time.AfterFunc(p.Timeout, func() { cancel(errTimedOut) })
	defer timer.Stop()
	go func() {
		<-stop
		cancel(errStopped)
	}()
	result, err := perform(ctx, d, p)
	if err != nil {
		return err
	}
	return d.writeJSON("exit.json", result)
}

// perform executes the plan and says how it ended; an error is about the shim's
// own files, after which there is no result.
func perform(ctx context.Context, d taskDir, p plan) (protocol.Result, error) {
	log, err := os.OpenFile(d.path("output.log"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return protocol.Result{}, err
	}
	defer log.Close()
	secrets := newMasks(p.Secrets...)
	out := &maskWriter{to: &limitWriter{to: log, left: largestLog}, masks: secrets}
	started := time.Now().UTC()
	outputs, err := execute(ctx, d, p, out)
	killLeft(d)
	if lost := errors.Join(out.Flush(), log.Sync()); lost != nil && err == nil {
		err = outputLost(lost)
	}
	result := outcome(ctx, err, p.Timeout)
	if err == nil && p.Checkout == nil {
		result.ExitCode = new(int)
	}
	if given, problem := readOutputs(d.outputs()); problem == nil {
		outputs = merge(outputs, given)
	} else if err == nil {
		result.Conclusion, result.Reason, result.Message = protocol.Failure, "InvalidOutput", problem.Error()
	}
	result.Started, result.Finished = started, time.Now().UTC()
	result.Message = secrets.text(result.Message)
	result.Outputs = maskAll(secrets, outputs)
	_ = os.Remove(d.outputs()) // what the step wrote there is not masked
	return result, nil
}

// execute does what the plan says, and returns the outputs that the type of the
// step itself has.
func execute(ctx context.Context, d taskDir, p plan, out io.Writer) (map[string]string, error) {
	switch {
	case p.Checkout != nil:
		return checkout(ctx, d, *p.Checkout, p.Env, out)
	case p.Container != nil:
		return nil, runContainer(ctx, d, p, out)
	case p.Command != nil:
		c := exec.Command(p.Command.Argv[0], p.Command.Argv[1:]...)
		c.Dir, c.Env = p.Command.Dir, p.Env
		return nil, runProcess(ctx, d, c, out)
	}
	return nil, failed("InvalidStep", errors.New("the plan of the step is empty"))
}

// outcome turns how the execution ended into a result.
func outcome(ctx context.Context, err error, timeout time.Duration) protocol.Result {
	var exit *exitError
	var failure *failure
	r := protocol.Result{Conclusion: protocol.Failure}
	if errors.As(err, &exit) {
		r.ExitCode = &exit.code
	}
	switch cause := context.Cause(ctx); {
	case err == nil:
		r.Conclusion = protocol.Success
	case errors.Is(cause, errTimedOut):
		r.Reason, r.Message = "TimedOut", fmt.Sprintf("did not end within %s", timeout)
	case errors.Is(cause, errStopped):
		r.Conclusion, r.Message = protocol.Cancelled, "stopped"
	case exit != nil:
		r.Reason, r.Message = "ExitCode", exit.Error()
	case errors.As(err, &failure):
		r.Reason, r.Message = failure.reason, failure.Error()
	default:
		r.Reason, r.Message = "Failed", err.Error()
	}
	return r
}

// failure is an error with a reason, as a result carries it.
type failure struct {
	reason string
	err    error
}

func failed(reason string, err error) error { return &failure{reason, err} }

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func merge(a, b map[string]string) map[string]string {
	if a == nil {
		return b
	}
	for name, value := range b {
		a[name] = value
	}
	return a
}

func maskAll(m *masks, values map[string]string) map[string]string {
	for name, value := range values {
		values[name] = m.text(value)
	}
	return values
}
