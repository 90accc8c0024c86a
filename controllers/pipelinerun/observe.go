package pipelinerun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
)

// observe reads what the plan rests on.
func (c Controller) observe(ctx context.Context, obj *object) (observation, error) {
	o := observation{
		run:     run{key: obj.Key, uid: string(obj.Meta.UID), spec: obj.Spec},
		created: obj.Meta.CreationTimestamp.Time, status: obj.Status, now: time.Now(),
	}
	var err error
	if o.tasks, err = c.Tasks.Of(ctx, o.uid); err != nil {
		return o, fmt.Errorf("read tasks: %w", err)
	}
	if o.siblings, err = siblings(ctx, obj); err != nil {
		return o, err
	}
	if o.status.Number == 0 {
		if o.lastNumber, err = lastNumber(ctx, obj); err != nil {
			return o, err
		}
	}
	o.missing, err = missingSecrets(ctx, obj.Objects, o.run, &o.status)
	return o, err
}

// siblings are the other runs of the pipeline. A run whose turn has come, and
// which nothing can replace, need not know them.
func siblings(ctx context.Context, obj *object) ([]sibling, error) {
	if obj.Status.Number > 0 && obj.Spec.Pipeline.Spec.Concurrency.Policy == policyAllow {
		return nil, nil
	}
	selector := labels.SelectorFromSet(labels.Set{v1.LabelPipeline: obj.Spec.PipelineRef.Name})
	objs, err := obj.Objects.List(ctx, v1.PipelineRun, obj.Namespace, selector)
	if err != nil {
		return nil, fmt.Errorf("read the pipeline's runs: %w", err)
	}
	var all []sibling
	for _, other := range objs {
		if other.Name == obj.Name {
			continue
		}
		if s, is := siblingOf(other); is {
			all = append(all, s)
		}
	}
	return all, nil
}

// siblingOf reads a run; one that can't be read, has no pipeline pinned, or is on its way out without a number competes for nothing.
func siblingOf(other *api.Object) (sibling, bool) {
	var spec struct {
		Cancel   bool `json:"cancel"`
		Pipeline *struct {
			Spec struct {
				Concurrency v1.Concurrency `json:"concurrency"`
			} `json:"spec"`
		} `json:"pipeline"`
	}
	var status struct {
		Phase  string `json:"phase"`
		Number int    `json:"number"`
		Group  string `json:"group"`
	}
	if json.Unmarshal(other.Spec, &spec) != nil || spec.Pipeline == nil {
		return sibling{}, false
	}
	if len(other.Status) > 0 && json.Unmarshal(other.Status, &status) != nil {
		return sibling{}, false
	}
	return sibling{
		name: other.Name, created: other.CreationTimestamp.Time, number: status.Number, phase: status.Phase,
		group: status.Group, policy: spec.Pipeline.Spec.Concurrency.Policy, cancel: spec.Cancel,
	}, status.Number > 0 || other.DeletionTimestamp == nil
}

// lastNumber is the highest number that the pipeline remembers; it may be gone.
func lastNumber(ctx context.Context, obj *object) (int, error) {
	pipeline, err := obj.Objects.Get(ctx, api.Key{Kind: v1.Pipeline, Namespace: obj.Namespace, Name: obj.Spec.PipelineRef.Name})
	if errors.Is(err, api.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var status struct {
		LastNumber int `json:"lastNumber"`
	}
	if len(pipeline.Status) > 0 {
		if err := json.Unmarshal(pipeline.Status, &status); err != nil {
			return 0, fmt.Errorf("status of %s: %w", pipeline.Key(), err)
		}
	}
	return status.LastNumber, nil
}
