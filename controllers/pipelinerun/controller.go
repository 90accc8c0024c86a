package pipelinerun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/runner"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/flow"
	"github.com/powernode/powernode/reconcile"
)

// Tasks is the queue of steps, from which runners take them.
type Tasks interface {
	Offer(ctx context.Context, task runner.Task) error
	Of(ctx context.Context, ownerUID string) ([]runner.TaskState, error)
	Cancel(ctx context.Context, ownerUID string, ids ...string) error
	Drop(ctx context.Context, ownerUID string) error
	Changes(ctx context.Context, changed func(owner api.Key)) error
}

// Logs keeps the output of steps.
type Logs interface {
	Read(ctx context.Context, stream string, offset int64, max int, wait time.Duration) (data []byte, closed bool, err error)
	Drop(ctx context.Context, prefix string) error
}

// Blobs keeps artifacts and snapshots of workspaces.
type Blobs interface {
	Open(ctx context.Context, owner, sha256 string) (r io.ReadCloser, size int64, err error)
	Drop(ctx context.Context, owner string) error
}

// Controller runs PipelineRuns.
type Controller struct {
	Tasks Tasks
	Logs  Logs
	Blobs Blobs
}

var _ reconcile.Reconciler[v1.PipelineRunSpec, v1.PipelineRunStatus] = Controller{}

// Kind makes PipelineRun's controller ready for the Manager. Runs of one pipeline are
// worked on one at a time, as they compete for numbers and turns.
func Kind(c Controller) reconcile.Kind {
	return reconcile.For(v1.PipelineRun, c,
		reconcile.Serialize(func(obj *api.Object) string { return obj.Namespace + "/" + pipelineOf(obj) }),
		reconcile.Hints(func(ctx context.Context, hint func(api.Key)) error {
			return c.Tasks.Changes(ctx, func(owner api.Key) {
				if owner.Kind == v1.PipelineRun {
					hint(owner)
				}
			})
		}),
	)
}

func pipelineOf(obj *api.Object) string {
	if name := obj.Labels[v1.LabelPipeline]; name != "" {
		return name
	}
	var spec struct {
		PipelineRef v1.LocalRef `json:"pipelineRef"`
	}
	if json.Unmarshal(obj.Spec, &spec) != nil {
		return ""
	}
	return spec.PipelineRef.Name
}

type object = reconcile.Object[v1.PipelineRunSpec, v1.PipelineRunStatus]

// Reconcile brings the run one step on: observe, plan, act.
func (c Controller) Reconcile(ctx context.Context, obj *object) (reconcile.Result, error) {
	if obj.Spec.Pipeline == nil {
		return reconcile.Done, reconcile.Permanent(errors.New("spec.pipeline is missing; the server fills it in when a run is created through it"))
	}
	if flow.Ended(obj.Status.Phase) {
		return reconcile.Done, c.forget(ctx, obj)
	}
	o, err := c.observe(ctx, obj)
	if err != nil {
		return reconcile.Done, err
	}
	d := plan(o)
	if err := c.act(ctx, o, &d); err != nil {
		return reconcile.Done, err
	}
	report(obj, d)
	if flow.Ended(d.status.Phase) {
		return reconcile.Result{After: time.Millisecond}, nil // the status first; then forget the tasks
	}
	return reconcile.Result{Waiting: d.waiting, Reason: d.reason, After: d.after}, nil
}

// forget removes the tasks of a run whose end is in the store.
func (c Controller) forget(ctx context.Context, obj *object) error {
	tasks, err := c.Tasks.Of(ctx, string(obj.Meta.UID))
	if err != nil || len(tasks) == 0 {
		return err
	}
	return c.Tasks.Drop(ctx, string(obj.Meta.UID))
}

// act offers and cancels. A step whose task can't be made fails for good.
func (c Controller) act(ctx context.Context, o observation, d *decision) error {
	for _, i := range d.offers {
		task, err := o.task(i, &d.status)
		if err != nil {
			s := &d.status.Steps[i]
			s.Phase, s.Reason, s.Message, s.Finished = v1.RunFailure, "InvalidStep", clip(err.Error(), longestMessage), timeOf(o.now)
			d.after = time.Millisecond
			continue
		}
		if err := c.Tasks.Offer(ctx, task); err != nil {
			return fmt.Errorf("offer step %s: %w", d.status.Steps[i].Name, err)
		}
	}
	if len(d.cancel) == 0 {
		return nil
	}
	if err := c.Tasks.Cancel(ctx, o.uid, d.cancel...); err != nil {
		return fmt.Errorf("cancel steps: %w", err)
	}
	return nil
}

// Delete forgets the run's tasks, which ends the work of their runners, and
// removes its logs, artifacts and snapshots.
func (c Controller) Delete(ctx context.Context, obj *object) (reconcile.Result, error) {
	uid := string(obj.Meta.UID)
	return reconcile.Done, errors.Join(
		c.Tasks.Drop(ctx, uid),
		c.Logs.Drop(ctx, runner.LogPrefix(uid)),
		c.Blobs.Drop(ctx, uid),
	)
}
