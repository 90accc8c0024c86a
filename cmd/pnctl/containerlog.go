package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
)

func (o *logsOptions) ofContainer(ctx context.Context, name string) error {
	if o.step != "" {
		return errors.New("--step: only the runs of a pipeline (pr/NAME) have steps")
	}
	c := &containerFollower{client: o.client, name: name, out: o.session.Out, notices: o.session.ErrOut,
		query: logQuery{Execution: o.execution, Attempt: o.attempt, Tail: o.tail, Timestamps: o.timestamps}}
	pinned := o.execution != "" || o.attempt > 0
	if !o.follow || pinned || o.timestamps {
		c.query.Follow = o.follow
		return c.once(ctx)
	}
	return c.follow(ctx)
}

// A containerFollower tells the log of an instance as it grows: through attempts and
// new containers, to the end of a Job. The server knows no offsets in a
// container's log, but as long as the container is the same the log only grows: what
// was told is counted, and skipped on a new connection.
type containerFollower struct {
	client       *client
	name         string
	query        logQuery
	out, notices io.Writer
	pause        func(ctx context.Context, failures int) error // nil is backoff
}

// once tells what one request brings.
func (c *containerFollower) once(ctx context.Context) error {
	stream, err := c.client.log(ctx, containerInstances, c.name, c.query)
	if err != nil {
		return err
	}
	defer stream.Close()
	n, err := io.Copy(c.out, stream)
	if err != nil {
		return fmt.Errorf("the log of %s broke off: %w", c.name, err)
	}
	if n == 0 {
		return c.explainSilence(ctx)
	}
	return nil
}

func (c *containerFollower) follow(ctx context.Context) error {
	var at position
	at.tail = c.query.Tail
	var l link
	for failures := 0; ; failures++ {
		if failures > 0 {
			if err := c.wait(ctx, failures); err != nil {
				return err
			}
		}
		before := at.told
		done, err := c.onward(ctx, &at)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil && done:
			return nil
		case err != nil && permanent(err):
			return err
		case at.told != before:
			failures = 0
		}
		if news := l.news(err); news != "" {
			fmt.Fprintln(c.notices, "pnctl: "+news)
		}
	}
}

// position is how far a log was told.
type position struct {
	container container
	told      int64 // bytes of the container's log
	tail      int   // what to tell of the bytes that are there at first; negative is all
}

// onward tells what comes after at, until the connection or the container ends.
// done is true when nothing will ever come after it.
func (c *containerFollower) onward(ctx context.Context, at *position) (done bool, err error) {
	now, err := c.started(ctx)
	if err != nil {
		return false, err
	}
	if !now.continues(at.container) {
		if at.container.ContainerID != "" { // the end of the one before, if it was kept
			at.container.over = true
			if err := c.tell(ctx, at); err != nil && !apierrors.IsNotFound(err) {
				return false, err
			}
		}
		*at = position{tail: at.tail}
	}
	at.container = now
	err = c.tell(ctx, at)
	return now.over, err
}

// container is what an instance's log is of, at one moment.
type container struct {
	v1.ContainerInstanceStatus
	over bool
}

// continues reports whether c's log is that of before with more at its end.
func (c container) continues(before container) bool {
	same := c.ContainerID == before.ContainerID || c.ContainerID == "" || before.ContainerID == ""
	return same && c.ExecutionID == before.ExecutionID && c.Attempts == before.Attempts
}

// started waits until the instance has a container, or has ended.
func (c *containerFollower) started(ctx context.Context) (now container, err error) {
	o, err := c.client.get(ctx, containerInstances, c.name)
	if err != nil {
		return now, err
	}
	if now, err = decodeContainer(o); err != nil || now.over || now.ContainerID != "" {
		return now, err
	}
	c.noContainerYet(now)
	var failed error
	err = c.client.watch(ctx, containerInstances, c.name, o.ResourceVersion, func(o *api.Object) bool {
		now, failed = decodeContainer(o)
		return failed == nil && !now.over && now.ContainerID == ""
	})
	if err == nil && failed == nil && !now.over && now.ContainerID == "" {
		err = io.ErrUnexpectedEOF // the server ended the watch
	}
	return now, errors.Join(failed, err)
}

func decodeContainer(o *api.Object) (now container, err error) {
	err = decodePart(o.Status, &now.ContainerInstanceStatus)
	now.over = over(containerInstances, now.Phase)
	return now, err
}

// tell follows the container's log after the bytes that were told, and counts on.
func (c *containerFollower) tell(ctx context.Context, at *position) error {
	q := logQuery{Execution: at.container.ExecutionID, Attempt: at.container.Attempts, Tail: -1,
		Follow: !at.container.over && at.tail < 0}
	stream, err := c.client.log(ctx, containerInstances, c.name, q)
	if err != nil {
		return err
	}
	defer stream.Close()
	rest, err := skip(stream, at.told)
	if err != nil {
		return err
	}
	if at.tail < 0 {
		n, err := io.Copy(c.out, rest)
		at.told += n
		return err
	}
	data, err := io.ReadAll(rest)
	if err != nil {
		return err
	}
	_, err = c.out.Write(lastLines(data, at.tail))
	at.told, at.tail = int64(len(data)), -1
	return err
}

// skip leaves out the first n bytes of a log. A log that was put away may begin
// with a line that says how many bytes before it were cut; those count too.
func skip(log io.Reader, n int64) (io.Reader, error) {
	if n == 0 {
		return log, nil
	}
	head := make([]byte, 80)
	got, err := io.ReadFull(log, head)
	head = head[:got]
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var cut int64
	line, after, found := bytes.Cut(head, []byte("\n"))
	if _, bad := fmt.Sscanf(string(line), "[truncated: %d bytes before this were cut]", &cut); bad == nil && found && cut <= n {
		head, n = after, n-cut
	} else if bad == nil && found {
		n = 0 // more was cut than we have seen: the line tells of the gap
	}
	rest := io.MultiReader(bytes.NewReader(head), log)
	if _, err := io.CopyN(io.Discard, rest, n); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return rest, nil
}

func (c *containerFollower) wait(ctx context.Context, failures int) error {
	if c.pause != nil {
		return c.pause(ctx, failures)
	}
	return backoff(ctx, failures)
}
