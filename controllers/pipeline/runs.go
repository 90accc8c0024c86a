package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/flow"
)

// fire makes the runs. A run that is there already was made by a pass that did
// not live to tell.
func fire(ctx context.Context, obj *object, firings []firing) ([]*api.Object, error) {
	var made []*api.Object
	for _, f := range firings {
		run, err := newRun(obj, f)
		if err != nil {
			obj.Eventf(corev1.EventTypeWarning, "ScheduleFailed", "no run for the schedule %q: %v", f.schedule.Cron, err)
			continue
		}
		stored, err := obj.Objects.Create(ctx, run)
		if errors.Is(err, api.ErrExists) {
			continue
		}
		if err != nil {
			return made, fmt.Errorf("create %s: %w", run.Key(), err)
		}
		obj.Eventf(corev1.EventTypeNormal, "Scheduled", "run %s for the schedule %q", run.Name, f.schedule.Cron)
		made = append(made, stored)
	}
	return made, nil
}

// newRun is the run of a firing; the same firing always has the same name.
func newRun(obj *object, f firing) (*api.Object, error) {
	event, err := json.Marshal(map[string]string{
		"cron": f.schedule.Cron, "timezone": cmp.Or(f.schedule.Timezone, "UTC"), "time": f.at.UTC().Format(time.RFC3339),
	})
	if err != nil {
		return nil, err
	}
	run := &api.Object{
		TypeMeta:   metav1.TypeMeta{APIVersion: api.APIVersion, Kind: "PipelineRun"},
		ObjectMeta: metav1.ObjectMeta{Namespace: obj.Namespace, Name: runName(obj.Name, f)},
	}
	wrong := flow.Encode(run, v1.PipelineRunSpec{
		PipelineRef: v1.LocalRef{Name: obj.Name}, Inputs: f.schedule.Inputs,
		Trigger: v1.RunTrigger{Type: "schedule", Event: event},
	})
	spec, err := json.Marshal(obj.Spec)
	if err != nil {
		return nil, err
	}
	pipeline := &api.Object{ObjectMeta: *obj.Meta.DeepCopy(), Spec: spec}
	pipeline.Name = obj.Name
	return run, append(wrong, flow.Complete(run, pipeline)...).ToAggregate()
}

// runName is the pipeline's name, the time, and a word for the schedule, as two
// schedules may fire at one time.
func runName(pipeline string, f firing) string {
	h := fnv.New32a()
	inputs, _ := json.Marshal(f.schedule.Inputs)
	fmt.Fprintf(h, "%s\x00%s\x00%s", f.schedule.Cron, cmp.Or(f.schedule.Timezone, "UTC"), inputs)
	word := strconv.FormatUint(uint64(h.Sum32())%(36*36*36*36), 36)
	return fmt.Sprintf("%s-%d-%s", pipeline, f.at.Unix(), word)
}

// runState is a run as far as its pipeline cares.
type runState struct {
	*api.Object
	status struct {
		Phase    string       `json:"phase"`
		Number   int          `json:"number"`
		Finished *metav1.Time `json:"finished"`
	}
}

func (r runState) ended() bool { return flow.Ended(r.status.Phase) }

// readRuns reads runs, oldest first. One whose status can't be read counts as not ended.
func readRuns(objs []*api.Object) []runState {
	runs := make([]runState, len(objs))
	for i, obj := range objs {
		runs[i].Object = obj
		if len(obj.Status) > 0 {
			_ = json.Unmarshal(obj.Status, &runs[i].status) // its own controller complains
		}
	}
	slices.SortStableFunc(runs, func(a, b runState) int {
		if a.status.Number > 0 && b.status.Number > 0 {
			return cmp.Compare(a.status.Number, b.status.Number)
		}
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return runs
}

// prune deletes the oldest of the ended runs that are more than the history may have, and returns the rest.
func prune(ctx context.Context, obj *object, runs []runState) ([]runState, error) {
	limit := 50
	if obj.Spec.HistoryLimit != nil {
		limit = *obj.Spec.HistoryLimit
	}
	isHistory := func(r runState) bool { return r.ended() && r.DeletionTimestamp == nil }
	extra := -limit
	for _, r := range runs {
		if isHistory(r) {
			extra++
		}
	}
	var kept []runState
	for _, r := range runs {
		if extra <= 0 || !isHistory(r) {
			kept = append(kept, r)
			continue
		}
		extra--
		obj.Status.LastNumber = max(obj.Status.LastNumber, r.status.Number)
		if err := obj.Objects.Delete(ctx, r.Key()); err != nil {
			return nil, fmt.Errorf("delete %s: %w", r.Key(), err)
		}
	}
	return kept, nil
}

// summarize tells in the status how the runs are doing.
func summarize(obj *object, runs []runState) {
	st := &obj.Status
	st.Phase, st.ActiveRuns, st.LastRun = phaseActive, 0, nil
	if obj.Spec.Suspended {
		st.Phase = phaseSuspended
	}
	for _, r := range runs {
		st.LastNumber = max(st.LastNumber, r.status.Number)
		if !r.ended() && r.DeletionTimestamp == nil {
			st.ActiveRuns++
		}
	}
	if len(runs) > 0 {
		last := runs[len(runs)-1]
		phase := cmp.Or(last.status.Phase, v1.RunPending)
		st.LastRun = &v1.RunSummary{Name: last.Name, Number: last.status.Number, Phase: phase, Finished: last.status.Finished}
	}
}
