package pipelinerun

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/flow"
)

// Succeeded is the condition that tells how a run went: Unknown until it has ended.
const Succeeded = "Succeeded"

// report puts the decision into the object's status and tells its owner what happened.
func report(obj *object, d decision) {
	was := obj.Status
	obj.Status = d.status
	c := metav1.Condition{Type: Succeeded, Status: metav1.ConditionUnknown, Reason: d.reason, Message: d.waiting, ObservedGeneration: obj.Meta.Generation}
	switch {
	case d.status.Phase == v1.RunSuccess:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, d.status.Reason, "all steps succeeded"
	case flow.Ended(d.status.Phase):
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, d.status.Reason, clip(d.status.Message, 1024)
	}
	if c.Reason == "" {
		c.Reason = "Running"
	}
	meta.SetStatusCondition(&obj.Status.Conditions, c)
	notify(obj, &was, &d.status)
}

func notify(obj *object, was, is *v1.PipelineRunStatus) {
	if was.Started == nil && is.Started != nil {
		obj.Eventf(corev1.EventTypeNormal, "Started", "run %d of pipeline %s has started", is.Number, obj.Spec.PipelineRef.Name)
	}
	for i, s := range is.Steps {
		if i < len(was.Steps) && was.Steps[i].Phase == s.Phase || s.Phase != v1.RunFailure {
			continue
		}
		obj.Eventf(corev1.EventTypeWarning, "StepFailed", "step %s failed: %s", s.Name, detail(s))
	}
	switch {
	case is.Phase == was.Phase || !flow.Ended(is.Phase):
	case is.Phase == v1.RunSuccess:
		obj.Eventf(corev1.EventTypeNormal, is.Reason, "run %d of pipeline %s succeeded", is.Number, obj.Spec.PipelineRef.Name)
	default:
		obj.Eventf(corev1.EventTypeWarning, is.Reason, "run %d of pipeline %s ended: %s", is.Number, obj.Spec.PipelineRef.Name, clip(is.Message, 512))
	}
}

func detail(s v1.StepStatus) string {
	switch {
	case s.Message != "":
		return clip(s.Message, 512)
	case s.ExitCode != nil:
		return fmt.Sprintf("exit code %d", *s.ExitCode)
	}
	return s.Reason
}
