package pipelinerun

import (
	"encoding/json"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/expression"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/flow"
)

// run is what is fixed about a run.
type run struct {
	key  api.Key
	uid  string
	spec v1.PipelineRunSpec
}

func (r run) pipeline() *v1.PipelineSpec { return &r.spec.Pipeline.Spec }
func (r run) steps() []v1.Step           { return r.spec.Pipeline.Spec.Steps }

// contexts are what expressions may refer to, but env and secrets.
func (r run) contexts(status *v1.PipelineRunStatus) map[string]any {
	inputs := map[string]any{}
	for name, raw := range r.spec.Inputs {
		inputs[name] = decoded(raw)
	}
	features := map[string]any{}
	for name, on := range r.pipeline().Features {
		features[name] = on
	}
	event := decoded(r.spec.Trigger.Event)
	if event == nil {
		event = map[string]any{}
	}
	return map[string]any{
		"inputs":   inputs,
		"features": features,
		"trigger":  map[string]any{"type": r.spec.Trigger.Type, "actor": r.spec.Trigger.Actor, "event": event},
		"pipeline": map[string]any{
			"name": r.spec.PipelineRef.Name, "namespace": r.key.Namespace, "type": r.pipeline().Type,
			"uid": r.spec.Pipeline.UID, "generation": float64(r.spec.Pipeline.Generation),
		},
		"run":   map[string]any{"name": r.key.Name, "namespace": r.key.Namespace, "uid": r.uid, "number": float64(status.Number)},
		"steps": r.stepContext(status),
	}
}

// stepContext has the steps that have ended. As on GitHub, outcome is how a step
// ended, and conclusion forgives it where the step may fail; result is the outcome.
func (r run) stepContext(status *v1.PipelineRunStatus) map[string]any {
	all := map[string]any{}
	for i, s := range status.Steps {
		if !flow.Ended(s.Phase) {
			continue
		}
		outputs := map[string]any{}
		for name, value := range s.Outputs {
			outputs[name] = value
		}
		all[s.Name] = map[string]any{
			"outputs": outputs, "result": s.Phase, "outcome": s.Phase, "conclusion": conclusion(r.steps()[i], s),
		}
	}
	return all
}

func conclusion(step v1.Step, status v1.StepStatus) string {
	if step.ContinueOnError && status.Phase == v1.RunFailure {
		return v1.RunSuccess
	}
	return status.Phase
}

// environment is what the controller knows of a step's variables: those with a
// value in place that needs no secret and no workspace.
func (r run) environment(step v1.Step, scope expression.Scope) map[string]any {
	known := map[string]any{}
	contexts := map[string]any{"env": known}
	for name, value := range scope.Contexts {
		contexts[name] = value
	}
	scope.Contexts = contexts
	for _, v := range overlay(r.pipeline().Env, step.Env) {
		if v.ValueFrom != nil {
			continue
		}
		t, err := expression.Parse(v.Value)
		if err != nil || t.Calls("hashFiles") || mentions(t, "secrets") {
			continue
		}
		if value, err := t.Text(scope); err == nil {
			known[v.Name] = value
		}
	}
	return known
}

func mentions(t *expression.Template, context string) bool {
	for _, ref := range t.References() {
		if ref.Context == context {
			return true
		}
	}
	return false
}

// overlay puts a step's variables over the pipeline's; a name appears once,
// where it was said last.
func overlay(below, above []v1.EnvVar) []v1.EnvVar {
	var all []v1.EnvVar
	for _, v := range below {
		covered := false
		for _, a := range above {
			covered = covered || a.Name == v.Name
		}
		if !covered {
			all = append(all, v)
		}
	}
	return append(all, above...)
}

func decoded(raw json.RawMessage) any {
	var v any
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil {
		return nil
	}
	return v
}
