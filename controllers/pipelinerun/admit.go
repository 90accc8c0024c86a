package pipelinerun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/flow"
)

// Admit pins the pipeline's spec to a new run, checks its inputs and fills in
// those with a default. Of a run that is there, only spec.cancel may change, and only to true.
func Admit(ctx context.Context, req api.AdmissionRequest) field.ErrorList {
	if req.Old == nil {
		return admitNew(ctx, req)
	}
	return admitChange(req)
}

func admitNew(ctx context.Context, req api.AdmissionRequest) field.ErrorList {
	var spec v1.PipelineRunSpec
	if err := json.Unmarshal(req.New.Spec, &spec); err != nil {
		return field.ErrorList{field.Invalid(field.NewPath("spec"), field.OmitValueType{}, err.Error())}
	}
	path := field.NewPath("spec", "pipelineRef", "name")
	pipeline, err := req.Objects.Get(ctx, api.Key{Kind: v1.Pipeline, Namespace: req.New.Namespace, Name: spec.PipelineRef.Name})
	switch {
	case errors.Is(err, api.ErrNotFound):
		return field.ErrorList{field.NotFound(path, spec.PipelineRef.Name)}
	case err != nil:
		return field.ErrorList{field.InternalError(path, err)}
	case pipeline.DeletionTimestamp != nil:
		return field.ErrorList{field.Forbidden(path, fmt.Sprintf("pipeline %q is being deleted", pipeline.Name))}
	}
	var of v1.PipelineSpec
	if err := json.Unmarshal(pipeline.Spec, &of); err != nil {
		return field.ErrorList{field.InternalError(path, err)}
	}
	if of.Suspended {
		return field.ErrorList{field.Forbidden(path, fmt.Sprintf("pipeline %q is suspended; set its spec.suspended to false first", pipeline.Name))}
	}
	return flow.Complete(req.New, pipeline)
}

func admitChange(req api.AdmissionRequest) field.ErrorList {
	var was, is v1.PipelineRunSpec
	if err := json.Unmarshal(req.Old.Spec, &was); err != nil {
		return field.ErrorList{field.InternalError(field.NewPath("spec"), err)}
	}
	path := field.NewPath("spec")
	if err := json.Unmarshal(req.New.Spec, &is); err != nil {
		return field.ErrorList{field.Invalid(path, field.OmitValueType{}, err.Error())}
	}
	fillIn(&is, was)
	var wrong field.ErrorList
	for name, pair := range map[string][2]any{
		"pipelineRef": {was.PipelineRef, is.PipelineRef}, "inputs": {was.Inputs, is.Inputs},
		"trigger": {was.Trigger, is.Trigger}, "pipeline": {was.Pipeline, is.Pipeline},
	} {
		if !same(pair[0], pair[1]) {
			wrong = append(wrong, field.Forbidden(path.Child(name), "only spec.cancel of a run may change; create a new run instead"))
		}
	}
	if len(wrong) > 0 {
		slices.SortFunc(wrong, func(a, b *field.Error) int { return strings.Compare(a.Field, b.Field) })
		return wrong
	}
	flow.Remark(req.New, req.Old)
	return flow.Encode(req.New, is)
}

// fillIn takes from the run what its owner's manifest leaves out, so that the manifest can be applied again.
func fillIn(is *v1.PipelineRunSpec, was v1.PipelineRunSpec) {
	if is.Pipeline == nil {
		is.Pipeline = was.Pipeline
	}
	if is.Trigger.Type == "" {
		is.Trigger.Type = was.Trigger.Type
	}
	if is.Pipeline != nil {
		if complete, wrong := flow.Inputs(field.NewPath("spec", "inputs"), flow.Declared(&is.Pipeline.Spec), is.Inputs); len(wrong) == 0 {
			is.Inputs = complete
		}
	}
}

func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && api.SameJSON(x, y)
}
