package flow

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
)

// Complete makes a run that may be stored of one that names a pipeline: it pins the
// pipeline's spec, checks and completes the inputs, and marks whose run it is.
func Complete(run, pipeline *api.Object) field.ErrorList {
	var spec v1.PipelineRunSpec
	if err := json.Unmarshal(run.Spec, &spec); err != nil {
		return field.ErrorList{field.Invalid(field.NewPath("spec"), field.OmitValueType{}, err.Error())}
	}
	pinned := &v1.PinnedPipeline{UID: string(pipeline.UID), Generation: pipeline.Generation}
	if err := json.Unmarshal(pipeline.Spec, &pinned.Spec); err != nil {
		return field.ErrorList{field.InternalError(field.NewPath("spec", "pipelineRef", "name"), fmt.Errorf("%s: %w", pipeline.Key(), err))}
	}
	wrong := pin(&spec, pinned)
	inputs, bad := Inputs(field.NewPath("spec", "inputs"), Declared(&pinned.Spec), spec.Inputs)
	spec.Inputs = inputs
	if spec.Trigger.Type == "" {
		spec.Trigger.Type = "manual"
	}
	mark(run, pipeline)
	return append(append(wrong, bad...), Encode(run, spec)...)
}

// pin sets the pipeline's spec; one that was given must be the same.
func pin(spec *v1.PipelineRunSpec, pinned *v1.PinnedPipeline) field.ErrorList {
	given := spec.Pipeline
	spec.Pipeline = pinned
	if given == nil {
		return nil
	}
	a, _ := json.Marshal(given)
	b, _ := json.Marshal(pinned)
	if api.SameJSON(a, b) {
		return nil
	}
	return field.ErrorList{field.Forbidden(field.NewPath("spec", "pipeline"),
		"the server sets it to the pipeline's spec at creation; leave it out")}
}

// mark sets the label and the owner that tell whose run it is.
func mark(run, pipeline *api.Object) {
	if run.Labels == nil {
		run.Labels = map[string]string{}
	}
	run.Labels[v1.LabelPipeline] = pipeline.Name
	for _, o := range run.OwnerReferences {
		if o.UID == pipeline.UID {
			return
		}
	}
	yes := true
	run.OwnerReferences = append(run.OwnerReferences, metav1.OwnerReference{
		APIVersion: api.APIVersion, Kind: "Pipeline", Name: pipeline.Name, UID: pipeline.UID, Controller: &yes, BlockOwnerDeletion: &yes,
	})
}

// Remark gives a run that is replaced the marks of Complete back.
func Remark(run, was *api.Object) {
	if run.Labels == nil {
		run.Labels = map[string]string{}
	}
	run.Labels[v1.LabelPipeline] = was.Labels[v1.LabelPipeline]
	if len(run.OwnerReferences) == 0 {
		run.OwnerReferences = was.OwnerReferences
	}
}

// Encode puts spec into the run.
func Encode(run *api.Object, spec v1.PipelineRunSpec) field.ErrorList {
	raw, err := json.Marshal(spec)
	if err != nil {
		return field.ErrorList{field.Invalid(field.NewPath("spec"), field.OmitValueType{}, err.Error())}
	}
	run.Spec = raw
	return nil
}

// Ended reports whether a run's phase, or a step's, is a last one.
func Ended(phase string) bool {
	switch phase {
	case v1.RunSuccess, v1.RunFailure, v1.RunCancelled, v1.StepSkipped:
		return true
	}
	return false
}
