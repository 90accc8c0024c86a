package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// largestLog bounds the output of one attempt that is kept.
const largestLog = 256 << 20

// limitWriter keeps the first bytes of an endless output, says once that it
// does, and takes the rest without keeping it, so that the writer goes on.
type limitWriter struct {
	to   io.Writer
	left int64
	cut  bool
}

func (w *limitWriter) Write(p []byte) (int, error) {
	keep := p[:min(int64(len(p)), w.left)]
	w.left -= int64(len(keep))
	if len(keep) > 0 {
		if n, err := w.to.Write(keep); err != nil {
			return n, err
		}
	}
	if len(keep) < len(p) && !w.cut {
		w.cut = true
		if _, err := fmt.Fprintf(w.to, "\n[the output is longer than %s; the rest is not kept]\n", megabytes(largestLog)); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// exitError is a process that ended with a code other than 0.
type exitError struct {
	code   int
	signal syscall.Signal // 0 when it ended by itself
}

func (e *exitError) Error() string {
	if e.signal != 0 {
		return fmt.Sprintf("killed by signal %d (%s)", e.signal, e.signal)
	}
	return fmt.Sprintf("exit code %d", e.code)
}

// runProcess runs c, a process of the task in d, in a process group of its own
// with its output going to out. When ctx ends, or out takes no more, the group gets
// SIGTERM, and SIGKILL after a grace. Nothing of the group is left when it returns.
func runProcess(ctx context.Context, d taskDir, c *exec.Cmd, out io.Writer) error {
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	defer reader.Close()
	c.Stdout, c.Stderr = writer, writer
	c.SysProcAttr = processGroup()
	if err := c.Start(); err != nil {
		writer.Close()
		return failed("StartFailed", fmt.Errorf("start %s: %w", c.Path, err))
	}
	writer.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	copied := make(chan error, 1)
	go func() {
		_, err := io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{reader}, make([]byte, 64<<10))
		if err != nil {
			cancel(err) // else the command would wait in a full pipe until its time is over
		}
		copied <- err
	}()
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	err = await(ctx, ended, c.Process.Pid)
	// What the command left running would hold the pipe open for ever.
	_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
	if lost := drain(d, reader, copied); lost != nil {
		return outputLost(lost)
	}
	return exitOf(err)
}

func outputLost(err error) error {
	return failed("OutputLost", fmt.Errorf("the step's output can't be kept: %w", err))
}

// await waits for the end of the process, and hurries it when ctx ends.
func await(ctx context.Context, ended <-chan error, pid int) error {
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	_ = syscall.Kill(-pid, syscall.SIGTERM)
	timer := time.NewTimer(graceOf(ctx))
	defer timer.Stop()
	select {
	case err := <-ended:
		return orEnded(err, ctx)
	case <-timer.C:
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	return orEnded(<-ended, ctx)
}

// orEnded makes sure that a process which was told to end does not pass for one
// that succeeded.
func orEnded(err error, ctx context.Context) error {
	if err == nil {
		return context.Cause(ctx)
	}
	return err
}

// drain waits for the last output. A daemon that left the group and still holds
// the pipe is killed; one that can't be found is not waited for long.
func drain(d taskDir, reader *os.File, copied <-chan error) error {
	timer := time.NewTimer(100 * time.Millisecond)
	defer timer.Stop()
	var err error
	select {
	case err = <-copied:
	case <-timer.C:
		killLeft(d)
		_ = reader.SetReadDeadline(time.Now().Add(2 * time.Second))
		err = <-copied
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}

// killLeft kills what a command has left running. It is for the shim only, all of
// whose children are the step's.
func killLeft(d taskDir) {
	killStragglers(d)
	killDescendants()
}

func exitOf(err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	status, is := exit.Sys().(syscall.WaitStatus)
	if is && status.Signaled() {
		return &exitError{code: 128 + int(status.Signal()), signal: status.Signal()}
	}
	return &exitError{code: exit.ExitCode()}
}

// closeInherited makes sure that no file which this process was born with, by
// whatever route, is passed on to the step.
func closeInherited() {
	for _, dir := range []string{"/proc/self/fd", "/dev/fd"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, entry := range entries {
			if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
				syscall.CloseOnExec(fd)
			}
		}
		return
	}
}
