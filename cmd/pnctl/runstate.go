package main

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
)

// runState is a PipelineRun as it is at a revision.
type runState struct {
	Name, Revision string
	Spec           v1.PipelineRunSpec
	Status         v1.PipelineRunStatus
}

func decodeRun(o *api.Object) (*runState, error) {
	r := &runState{Name: o.Name, Revision: o.ResourceVersion}
	if err := decodePart(o.Spec, &r.Spec); err != nil {
		return nil, fmt.Errorf("pipelinerun %s: spec: %w", o.Name, err)
	}
	if err := decodePart(o.Status, &r.Status); err != nil {
		return nil, fmt.Errorf("pipelinerun %s: status: %w", o.Name, err)
	}
	return r, nil
}

func decodePart(raw json.RawMessage, into any) error {
	if len(raw) == 0 {
		return nil
	}
	return json.Unmarshal(raw, into)
}

// Ended reports whether the run is over.
func (r *runState) Ended() bool { return ended(r.Status.Phase) }

// Steps are the run's steps in order; before the controller has seen the run,
// those of its pipeline, pending.
func (r *runState) Steps() []v1.StepStatus {
	if len(r.Status.Steps) > 0 || r.Spec.Pipeline == nil {
		return r.Status.Steps
	}
	var steps []v1.StepStatus
	for _, s := range r.Spec.Pipeline.Spec.Steps {
		steps = append(steps, v1.StepStatus{Name: s.Name, Type: s.Type, Phase: v1.RunPending})
	}
	return steps
}

// Waiting is what the run waits for, when none of its steps runs; empty otherwise.
func (r *runState) Waiting() string {
	if r.Ended() || running(r.Steps()) > 0 {
		return ""
	}
	if r.Status.Message != "" {
		return r.Status.Message
	}
	if c := meta.FindStatusCondition(r.Status.Conditions, "Succeeded"); c != nil && c.Status == metav1.ConditionUnknown {
		return c.Message
	}
	return ""
}

// lacksSecret reports whether the run can't go on until somebody makes a Secret.
func (r *runState) lacksSecret() bool {
	c := meta.FindStatusCondition(r.Status.Conditions, "Succeeded")
	return c != nil && c.Reason == "MissingSecret"
}

// Step finds a step by name.
func (r *runState) Step(name string) (v1.StepStatus, bool) {
	for _, s := range r.Steps() {
		if s.Name == name {
			return s, true
		}
	}
	return v1.StepStatus{}, false
}

// ended reports whether a run or step in this phase is over for good.
func ended(phase string) bool {
	switch phase {
	case v1.RunSuccess, v1.RunFailure, v1.RunCancelled, v1.StepSkipped:
		return true
	}
	return false
}

// attemptOver reports whether the numbered attempt of a step has come to its end:
// nothing will be added to its log.
func (r *runState) attemptOver(step string, attempt int) bool {
	s, found := r.Step(step)
	return !found || r.Ended() || ended(s.Phase) || s.Attempts > attempt || s.Attempts == attempt && s.RetryAt != nil
}

// culprit is the step that made the run fail.
func (r *runState) culprit() (v1.StepStatus, bool) {
	forgiven := map[string]bool{}
	if r.Spec.Pipeline != nil {
		for _, s := range r.Spec.Pipeline.Spec.Steps {
			forgiven[s.Name] = s.ContinueOnError
		}
	}
	for _, s := range r.Steps() {
		if r.Status.Phase == v1.RunFailure && s.Phase == v1.RunFailure && !forgiven[s.Name] {
			return s, true
		}
	}
	return v1.StepStatus{}, false
}

func running(steps []v1.StepStatus) (n int) {
	for _, s := range steps {
		if s.Phase == v1.RunRunning {
			n++
		}
	}
	return n
}
