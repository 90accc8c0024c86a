package containerinstance

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/docker"
)

// kept serves a log that was put away; done is false when there is none (yet).
func (v *logView) kept(ctx context.Context, w http.ResponseWriter) (done bool, err error) {
	stream := logStream(string(v.obj.UID), v.execution, v.attempt)
	var text []byte
	for {
		data, closed, err := v.logs.Read(ctx, stream, int64(len(text)), 1<<20, 0)
		if err != nil {
			return false, err
		}
		text = append(text, data...)
		if closed {
			break
		}
		if len(data) == 0 {
			return false, nil
		}
	}
	plain(w)
	_, _ = w.Write(lastLines(text, v.tailLines)) // the reader left: nothing to tell anybody
	return true, nil
}

// live serves the output of a container that is there; done is false when it is not.
func (v *logView) live(ctx context.Context, w http.ResponseWriter) (done bool, err error) {
	engine, id, err := v.find(ctx)
	if err != nil || id == "" {
		return false, err
	}
	if v.tailLines == 0 && !v.follow {
		plain(w)
		return true, nil
	}
	// The engine's own tail has no word for "none": 1 is the least.
	output, err := engine.Logs(ctx, id, docker.LogOptions{Follow: v.follow, Tail: max(0, v.tailLines), Timestamps: v.timestamps})
	if errors.Is(err, api.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer output.Close()
	plain(w)
	_, _ = io.Copy(flushing{w}, output) // cut short: the reader left, or the connection did
	return true, nil
}

// find looks for the attempt's container on its host.
func (v *logView) find(ctx context.Context) (docker.Engine, string, error) {
	h, err := findHost(ctx, v.objects, v.engines, v.obj.Namespace, v.spec.HostRef.Name)
	if err != nil {
		return nil, "", err
	}
	if h.engine == nil {
		return nil, "", nil
	}
	containers, err := h.engine.List(ctx, map[string]string{
		v1.LabelUID: string(v.obj.UID), labelExecution: v.execution, labelAttempt: strconv.Itoa(v.attempt),
	})
	for _, c := range containers {
		if c.State != docker.Created { // it has said nothing yet, and can't be followed
			return h.engine, c.ID, err
		}
	}
	return nil, "", err
}

// mayCome reports whether the log of the execution can still come to be.
func (v *logView) mayCome(ctx context.Context) (bool, error) {
	obj, err := v.objects.Get(ctx, v.obj.Key())
	if err != nil || obj.UID != v.obj.UID {
		return false, ignoreNotFound(err)
	}
	if err := v.read(obj); err != nil {
		return false, err
	}
	if v.execution == "" && v.status.ExecutionID != "" {
		v.execution, v.attempt = v.status.ExecutionID, max(1, v.status.Attempts)
	}
	return v.execution == "" || v.execution == v.status.ExecutionID && !ended(v.status.Phase), nil
}

func ignoreNotFound(err error) error {
	if errors.Is(err, api.ErrNotFound) {
		return nil
	}
	return err
}

func plain(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
}

// flushing sends every piece at once.
type flushing struct{ w http.ResponseWriter }

func (f flushing) Write(data []byte) (int, error) {
	n, err := f.w.Write(data)
	_ = http.NewResponseController(f.w).Flush() // a writer that can't is one that does not hold back
	return n, err
}

// lastLines cuts text to its last n lines; all of it when n is negative.
func lastLines(text []byte, n int) []byte {
	if n < 0 {
		return text
	}
	at := len(text)
	for end := len(bytes.TrimSuffix(text, []byte("\n"))); n > 0; n-- {
		i := bytes.LastIndexByte(text[:end], '\n')
		at, end = i+1, max(i, 0)
		if i < 0 {
			break
		}
	}
	return text[at:]
}
