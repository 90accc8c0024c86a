package server

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/powernode/powernode/api"
)

// subScale is the subresource that shows how many there are of what an object stands for,
// in the form that all kinds share.
const subScale = "scale"

func scaleKind() schema.GroupVersionKind {
	return autoscalingv1.SchemeGroupVersion.WithKind("Scale")
}

// getScale answers with the Scale of an object.
func (s *Server) getScale(r *request) error {
	obj, err := r.objects.Get(r.Context(), r.key())
	if err != nil {
		return err
	}
	scale, set, err := r.scaleOf(obj)
	if err != nil {
		return err
	}
	if !set {
		return apierrors.NewInternalError(fmt.Errorf("the spec replicas field %q does not exist", r.kind.Scale.SpecReplicasPath))
	}
	return answerScale(r, scale)
}

// scaleOf reads the Scale out of an object; set is false when the object does not say how
// many its owner wants.
func (r *request) scaleOf(obj *api.Object) (scale *autoscalingv1.Scale, set bool, err error) {
	fields, err := r.fieldsOf(obj)
	if err != nil {
		return nil, false, err
	}
	paths := r.kind.Scale
	scale = &autoscalingv1.Scale{
		TypeMeta: metav1.TypeMeta{APIVersion: scaleKind().GroupVersion().String(), Kind: scaleKind().Kind},
		ObjectMeta: metav1.ObjectMeta{
			Name: obj.Name, Namespace: obj.Namespace, UID: obj.UID,
			ResourceVersion: obj.ResourceVersion, CreationTimestamp: obj.CreationTimestamp,
		},
	}
	wanted, set, err := unstructured.NestedInt64(fields, scalePath(paths.SpecReplicasPath)...)
	if err != nil {
		return nil, false, badScale(obj, err)
	}
	actual, _, err := unstructured.NestedInt64(fields, scalePath(paths.StatusReplicasPath)...)
	if err != nil {
		return nil, false, badScale(obj, err)
	}
	scale.Spec.Replicas, scale.Status.Replicas = replicas(wanted), replicas(actual)
	if paths.LabelSelectorPath != "" {
		scale.Status.Selector, _, err = unstructured.NestedString(fields, scalePath(paths.LabelSelectorPath)...)
	}
	if err != nil {
		return nil, false, badScale(obj, err)
	}
	return scale, set, nil
}

func badScale(obj *api.Object, err error) error {
	return fmt.Errorf("read the scale of %s: %w", obj.Key(), err)
}

// replicas is a count as a Scale can carry it.
func replicas(n int64) int32 { return int32(max(math.MinInt32, min(n, math.MaxInt32))) }

// scalePath takes the simple JSONPath of a definition apart: .spec.replicas.
func scalePath(path string) []string { return strings.Split(strings.TrimPrefix(path, "."), ".") }

// answerScale sends a Scale. There is no table of it: clients that ask for one take an object too.
func answerScale(r *request, scale *autoscalingv1.Scale) error {
	body, err := json.Marshal(scale)
	if err != nil {
		return fmt.Errorf("encode scale of %s: %w", r.key(), err)
	}
	return respond(r.echo, form{media: r.form.media}, http.StatusOK, body, []byte("\n"))
}

// checkScale makes sure that what a client wants is a Scale of the object that it has seen.
func (r *request) checkScale(live, want *autoscalingv1.Scale) error {
	switch {
	case want.GroupVersionKind() != scaleKind():
		return apierrors.NewBadRequest(fmt.Sprintf("the data is of kind %s of %s, not %s of %s", want.Kind, want.APIVersion, live.Kind, live.APIVersion))
	case want.Name != live.Name:
		return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", want.Name, live.Name))
	case want.Namespace != "" && want.Namespace != live.Namespace:
		return apierrors.NewBadRequest(fmt.Sprintf("the namespace of the provided object (%s) does not match the namespace sent on the request (%s)", want.Namespace, live.Namespace))
	case want.ResourceVersion != "" && want.ResourceVersion != live.ResourceVersion:
		return errStale
	case want.UID != "" && want.UID != live.UID:
		return apierrors.NewConflict(r.groupResource(), live.Name,
			fmt.Errorf("precondition failed: UID in precondition: %s, UID in object meta: %s", want.UID, live.UID))
	case want.Spec.Replicas < 0:
		return apierrors.NewInvalid(scaleKind().GroupKind(), live.Name, field.ErrorList{
			field.Invalid(field.NewPath("spec", "replicas"), want.Spec.Replicas, "must be greater than or equal to 0"),
		})
	}
	return nil
}
