package docker

import (
	"context"
	"io"
	"strconv"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// Logs implements Containers. Without Follow it is bounded like a pull; with it, by ctx alone.
func (c *Client) Logs(ctx context.Context, id string, opts LogOptions) (io.ReadCloser, error) {
	call, cancel := context.WithCancel(ctx)
	if !opts.Follow {
		call, cancel = context.WithTimeout(ctx, pullTimeout)
	}
	tail := "all"
	if opts.Tail > 0 {
		tail = strconv.Itoa(opts.Tail)
	}
	framed, err := c.sdk.ContainerLogs(call, id, container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Follow: opts.Follow, Tail: tail, Timestamps: opts.Timestamps,
	})
	if err != nil {
		cancel()
		return nil, wrap(ctx, err, "read the log of the container")
	}
	reader, writer := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, err := stdcopy.StdCopy(writer, writer, framed)
		writer.CloseWithError(wrap(ctx, err, "read the log of the container")) // nil is the end
	}()
	return &logReader{reader, func() { cancel(); framed.Close(); <-done }}, nil
}

// logReader ends the copying when it is closed.
type logReader struct {
	*io.PipeReader
	stop func()
}

func (r *logReader) Close() error {
	err := r.PipeReader.Close()
	r.stop()
	return err
}
