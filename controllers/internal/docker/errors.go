package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"github.com/powernode/powernode/api"
)

// ErrUnreachable means that the engine did not answer: nothing is known about
// what it has.
var ErrUnreachable = errors.New("the Docker engine cannot be reached")

// wrap puts what was being done before err, and under it the sentinel that the
// caller may ask for. ctx is the caller's own: its end is the caller's doing.
func wrap(ctx context.Context, err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	doing := fmt.Sprintf(format, args...)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	case unreachable(err):
		return fmt.Errorf("%s: %w: %s", doing, ErrUnreachable, stable(err))
	case cerrdefs.IsNotFound(err):
		return fmt.Errorf("%s: %w: %s", doing, api.ErrNotFound, stable(err))
	case cerrdefs.IsConflict(err):
		return &engineError{doing + ": " + stable(err), api.ErrConflict}
	}
	return &engineError{doing + ": " + stable(err), err}
}

// engineError keeps the words that an owner reads apart from the error that a
// program asks for.
type engineError struct {
	text  string
	cause error
}

func (e *engineError) Error() string { return e.text }
func (e *engineError) Unwrap() error { return e.cause }

func unreachable(err error) bool {
	var netErr net.Error
	return client.IsErrConnectionFailed(err) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &netErr) || cerrdefs.IsUnavailable(err)
}

var changing = regexp.MustCompile(`\b[0-9a-f]{12,64}\b|127\.0\.0\.1:\d{5}->|:\d{5}->`)

// stable drops from the engine's words what differs from try to try: the IDs of
// things it made and threw away, our own port of a connection, line ends.
func stable(err error) string {
	text := strings.TrimPrefix(err.Error(), "Error response from daemon: ")
	text = changing.ReplaceAllString(text, "…")
	return strings.Join(strings.Fields(text), " ")
}
