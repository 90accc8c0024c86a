package containerinstance

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/docker"
)

// Log serves the output of an instance: live from the engine while the
// container is there, afterwards what was kept of it.
//
//	follow=true      goes on until the execution's container ends
//	tailLines=N      only the last N lines
//	timestamps=true  each line with its time; only while the container is there
//	execution=ID     an earlier execution; the present one without
//	attempt=N        an earlier attempt of a Job; the latest without
//
// objects reads the DockerHost and its TLS secret.
func Log(engines *docker.Pool, objects api.Getter, logs Logs) api.Subresource {
	return func(w http.ResponseWriter, r *http.Request, obj *api.Object, rest string) error {
		q, err := parseLogQuery(r.URL.Query())
		if err != nil {
			return err
		}
		if rest != "" {
			return fmt.Errorf("%s: log/%s: %w", obj.Key(), rest, api.ErrNotFound)
		}
		view, err := newLogView(engines, objects, logs, obj, q)
		if err != nil {
			return err
		}
		return view.serve(r.Context(), w)
	}
}

type logQuery struct {
	follow, timestamps bool
	tailLines          int // -1 is all
	execution          string
	attempt            int
}

func parseLogQuery(values url.Values) (logQuery, error) {
	q := logQuery{tailLines: -1, execution: values.Get("execution")}
	var err error
	for name, into := range map[string]*bool{"follow": &q.follow, "timestamps": &q.timestamps} {
		if text := values.Get(name); text != "" {
			if *into, err = strconv.ParseBool(text); err != nil {
				return q, fmt.Errorf("%w: %s=%s: want true or false", api.ErrInvalid, name, text)
			}
		}
	}
	for name, into := range map[string]*int{"tailLines": &q.tailLines, "attempt": &q.attempt} {
		if text := values.Get(name); text != "" {
			if *into, err = strconv.Atoi(text); err != nil || *into < 0 {
				return q, fmt.Errorf("%w: %s=%s: want a whole number that is not negative", api.ErrInvalid, name, text)
			}
		}
	}
	return q, nil
}

// logView is one request for one attempt's output.
type logView struct {
	logQuery
	engines *docker.Pool
	objects api.Getter
	logs    Logs
	obj     *api.Object
	spec    v1.ContainerInstanceSpec
	status  v1.ContainerInstanceStatus
}

func newLogView(engines *docker.Pool, objects api.Getter, logs Logs, obj *api.Object, q logQuery) (*logView, error) {
	v := &logView{logQuery: q, engines: engines, objects: objects, logs: logs, obj: obj}
	if err := v.read(obj); err != nil {
		return nil, err
	}
	if v.execution == "" {
		v.execution = v.status.ExecutionID
	}
	attempts, known := v.status.Attempts, v.execution == v.status.ExecutionID
	if i := slices.IndexFunc(v.status.Executions, func(e v1.Execution) bool { return e.ExecutionID == v.execution }); i >= 0 {
		attempts, known = v.status.Executions[i].Attempts, true
	}
	if !known {
		return nil, fmt.Errorf("%s: execution %s: %w", obj.Key(), v.execution, api.ErrNotFound)
	}
	if v.attempt == 0 {
		v.attempt = max(1, attempts)
	}
	return v, nil
}

func (v *logView) read(obj *api.Object) error {
	v.spec, v.status = v1.ContainerInstanceSpec{}, v1.ContainerInstanceStatus{}
	if err := json.Unmarshal(obj.Spec, &v.spec); err != nil {
		return fmt.Errorf("%s: spec: %w", obj.Key(), err)
	}
	if len(obj.Status) == 0 {
		return nil
	}
	if err := json.Unmarshal(obj.Status, &v.status); err != nil {
		return fmt.Errorf("%s: status: %w", obj.Key(), err)
	}
	return nil
}

// logPoll is how often a follower looks whether there is something to follow.
const logPoll = 500 * time.Millisecond

// serve tries what was kept, then the engine; a follower waits until one of them has it.
func (v *logView) serve(ctx context.Context, w http.ResponseWriter) error {
	for {
		done, err := v.kept(ctx, w)
		if done || err != nil {
			return err
		}
		done, err = v.live(ctx, w)
		if done || err != nil {
			return err
		}
		waiting, err := v.mayCome(ctx)
		if err != nil || !v.follow || !waiting {
			if err == nil {
				plain(w)
			}
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(logPoll):
		}
	}
}
