package pipelinerun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/runner"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/flow"
)

// chunk is how much of a log is read at once, and poll how long a follower is
// held before it looks at the run again.
const (
	chunk = 64 << 10
	poll  = time.Second
)

// Log serves GET .../pipelineruns/NAME/log. get sees the run's newer states while a reader follows.
//
//	step=NAME    the raw output of that step; without it all steps in order, each line with "[NAME] " in front
//	attempt=N    of step: that attempt; the latest by default
//	offset=N     of step: bytes to leave out at the start
//	tailLines=N  only the last N lines of each log that there are when it is asked
//	follow=true  go on until the step, or the run, has ended
func Log(logs Logs, get api.Getter) api.Subresource {
	return func(w http.ResponseWriter, r *http.Request, obj *api.Object, _ string) error {
		q, err := parseLogQuery(r.URL.Query())
		if err != nil {
			return err
		}
		t := &tailer{logs: logs, get: get, key: obj.Key(), uid: string(obj.UID), query: q, out: w}
		if err := t.read(obj); err != nil {
			return err
		}
		if q.step != "" && t.index(q.step) < 0 {
			return fmt.Errorf("%s has no step %q: %w", obj.Key(), q.step, api.ErrNotFound)
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		return t.run(r.Context())
	}
}

type logQuery struct {
	step    string
	attempt int
	offset  int64
	tail    int // -1 is all
	follow  bool
}

func parseLogQuery(values url.Values) (logQuery, error) {
	q := logQuery{step: values.Get("step"), tail: -1}
	var err error
	number := func(name string, instead int64) int64 {
		text := values.Get(name)
		if text == "" {
			return instead
		}
		n, bad := strconv.ParseInt(text, 10, 64)
		if bad != nil || n < 0 {
			err = errors.Join(err, fmt.Errorf("%s: %q is not a number from 0 on: %w", name, text, api.ErrInvalid))
		}
		return n
	}
	q.attempt, q.offset, q.tail = int(number("attempt", 0)), number("offset", 0), int(number("tailLines", -1))
	if text := values.Get("follow"); text != "" {
		follow, bad := strconv.ParseBool(text)
		if bad != nil {
			err = errors.Join(err, fmt.Errorf("follow: %q is neither true nor false: %w", text, api.ErrInvalid))
		}
		q.follow = follow
	}
	if q.step == "" && (q.attempt != 0 || q.offset != 0) {
		err = errors.Join(err, fmt.Errorf("attempt and offset need a step: %w", api.ErrInvalid))
	}
	return q, err
}

// tailer writes the logs of a run to a reader.
type tailer struct {
	logs   Logs
	get    api.Getter
	key    api.Key
	uid    string
	query  logQuery
	steps  []v1.StepStatus
	ended  bool
	out    http.ResponseWriter
	prefix string
	middle bool // of a line
}

// read takes the steps from a state of the run; before its controller has seen it, those of its pipeline.
func (t *tailer) read(obj *api.Object) error {
	var status v1.PipelineRunStatus
	if len(obj.Status) > 0 {
		if err := json.Unmarshal(obj.Status, &status); err != nil {
			return fmt.Errorf("status of %s: %w", t.key, err)
		}
	}
	t.steps, t.ended = status.Steps, flow.Ended(status.Phase)
	if len(t.steps) > 0 {
		return nil
	}
	var spec v1.PipelineRunSpec
	if err := json.Unmarshal(obj.Spec, &spec); err != nil {
		return fmt.Errorf("spec of %s: %w", t.key, err)
	}
	if spec.Pipeline != nil {
		for _, s := range spec.Pipeline.Spec.Steps {
			t.steps = append(t.steps, v1.StepStatus{Name: s.Name, Phase: v1.RunPending})
		}
	}
	return nil
}

// refresh reads the run again; one that is gone, or another of its name, has ended.
func (t *tailer) refresh(ctx context.Context) error {
	obj, err := t.get.Get(ctx, t.key)
	if errors.Is(err, api.ErrNotFound) || err == nil && string(obj.UID) != t.uid {
		t.ended = true
		return nil
	}
	if err != nil {
		return err
	}
	return t.read(obj)
}

func (t *tailer) index(step string) int {
	for i, s := range t.steps {
		if s.Name == step {
			return i
		}
	}
	return -1
}

func (t *tailer) run(ctx context.Context) error {
	if t.query.step != "" {
		return t.step(ctx, t.index(t.query.step))
	}
	for i := 0; i < len(t.steps); i++ {
		t.prefix = "[" + t.steps[i].Name + "] "
		if err := t.step(ctx, i); err != nil {
			return err
		}
		if err := t.endLine(); err != nil {
			return err
		}
	}
	return nil
}

// step writes the log of one step: the attempt that is asked for, or the latest
// and, when following, those that come after it.
func (t *tailer) step(ctx context.Context, i int) error {
	attempt := t.query.attempt
	if attempt == 0 {
		attempt = t.steps[i].Attempts
	}
	offset, tail := t.query.offset, t.query.tail
	for {
		if attempt > 0 {
			end, err := t.attempt(ctx, i, attempt, offset, tail)
			if err != nil {
				return err
			}
			offset, tail = end, -1
		}
		switch {
		case !t.query.follow || t.over(i, attempt) && t.query.attempt != 0:
			return nil
		case t.steps[i].Attempts > attempt:
			attempt, offset, tail = attempt+1, 0, -1
			continue
		case t.over(i, attempt):
			return nil
		}
		if err := t.pause(ctx); err != nil {
			return err
		}
	}
}

// over reports whether nothing more comes of a step's attempt.
func (t *tailer) over(i, attempt int) bool {
	return t.ended || flow.Ended(t.steps[i].Phase) || t.steps[i].Attempts > attempt
}

// attempt writes one stream from offset to its end as it is now or, when
// following, to the end of the attempt. What a runner says comes before its
// result, so when the attempt is over one more look finds all there is.
func (t *tailer) attempt(ctx context.Context, i, attempt int, offset int64, tail int) (end int64, err error) {
	stream := runner.LogStream(t.uid, t.steps[i].Name, attempt)
	if tail >= 0 {
		if offset, err = t.tailStart(ctx, stream, offset, tail); err != nil {
			return offset, err
		}
	}
	for {
		last := !t.query.follow || t.over(i, attempt) || retrying(t.steps[i], attempt)
		wait := poll
		if last {
			wait = 0
		}
		data, closed, err := t.logs.Read(ctx, stream, offset, chunk, wait)
		if err != nil {
			return offset, err
		}
		offset += int64(len(data))
		if err := t.write(data); err != nil {
			return offset, err
		}
		if len(data) > 0 {
			continue
		}
		if last || closed {
			return offset, nil
		}
		if err := t.refresh(ctx); err != nil {
			return offset, err
		}
	}
}

// retrying reports whether the attempt has failed and another is due.
func retrying(s v1.StepStatus, attempt int) bool {
	return s.Phase == v1.RunPending && s.Attempts == attempt && s.RetryAt != nil
}

// pause lets time pass before the run is looked at again.
func (t *tailer) pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(poll / 4):
	}
	return t.refresh(ctx)
}
