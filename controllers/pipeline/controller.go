package pipeline

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/reconcile"
)

// Controller starts runs of Pipelines by the clock and keeps their history short.
type Controller struct{}

var _ reconcile.Reconciler[v1.PipelineSpec, v1.PipelineStatus] = Controller{}

// Kind makes Pipeline's controller ready for the Manager.
func Kind() reconcile.Kind { return reconcile.For(v1.Pipeline, Controller{}) }

type object = reconcile.Object[v1.PipelineSpec, v1.PipelineStatus]

// The phases of a pipeline.
const (
	phaseActive    = "Active"
	phaseSuspended = "Suspended"
)

// Reconcile fires what is due, removes runs that are too many, and counts the rest.
func (Controller) Reconcile(ctx context.Context, obj *object) (reconcile.Result, error) {
	now := time.Now()
	t, err := due(obj, now)
	if err != nil {
		return reconcile.Done, reconcile.Permanent(err)
	}
	// Until the firings are done they are what comes next, whatever goes wrong from here on.
	obj.Status.NextScheduleTime = timeOf(t.pending())
	objs, err := runsOf(ctx, obj)
	if err != nil {
		return reconcile.Done, err
	}
	fired, err := fire(ctx, obj, t.firings)
	if err != nil {
		return reconcile.Done, err
	}
	obj.Status.NextScheduleTime = timeOf(t.next)
	if !t.last.IsZero() {
		obj.Status.LastScheduleTime = timeOf(t.last)
	}
	runs := readRuns(append(objs, fired...))
	if runs, err = prune(ctx, obj, runs); err != nil {
		return reconcile.Done, err
	}
	summarize(obj, runs)
	if t.next.IsZero() {
		return reconcile.Done, nil
	}
	return reconcile.Result{After: max(t.next.Sub(now), time.Millisecond)}, nil
}

// Delete removes the pipeline's runs, and waits until they are gone.
func (Controller) Delete(ctx context.Context, obj *object) (reconcile.Result, error) {
	objs, err := runsOf(ctx, obj)
	if err != nil {
		return reconcile.Done, err
	}
	if len(objs) == 0 {
		return reconcile.Done, nil
	}
	for _, run := range objs {
		if run.DeletionTimestamp == nil {
			if err := obj.Objects.Delete(ctx, run.Key()); err != nil {
				return reconcile.Done, fmt.Errorf("delete %s: %w", run.Key(), err)
			}
		}
	}
	return reconcile.Wait("its runs to be deleted")
}

func runsOf(ctx context.Context, obj *object) ([]*api.Object, error) {
	selector := labels.SelectorFromSet(labels.Set{v1.LabelPipeline: obj.Name})
	objs, err := obj.Objects.List(ctx, v1.PipelineRun, obj.Namespace, selector)
	if err != nil {
		return nil, fmt.Errorf("read the runs: %w", err)
	}
	return objs, nil
}

// timeOf is nil for the zero time.
func timeOf(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	return &metav1.Time{Time: t.UTC()}
}
