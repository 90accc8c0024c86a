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
	framed, err := c.frames(call, id, opts)
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

// frames is the log as the engine sends it, both streams in one.
func (c *Client) frames(ctx context.Context, id string, opts LogOptions) (io.ReadCloser, error) {
	sdk, err := c.sdk(ctx)
	if err != nil {
		return nil, err
	}
	tail := "all"
	if opts.Tail > 0 {
		tail = strconv.Itoa(opts.Tail)
	}
	return sdk.ContainerLogs(ctx, id, container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Follow: opts.Follow, Tail: tail, Timestamps: opts.Timestamps,
	})
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
