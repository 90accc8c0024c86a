package server

import (
	"time"

	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/schemas"
)

// validateMeta checks metadata by the rules of Kubernetes: names, labels,
// annotations, owner references, finalizers. old is nil for a create.
func validateMeta(kind *schemas.Kind, old, obj *api.Object) field.ErrorList {
	name := validation.NameIsDNSSubdomain
	switch {
	case kind.PathNames:
		name = func(name string, _ bool) []string { return content.IsPathSegmentName(name) }
	case kind.Group == "" && kind.Kind == kindNamespace:
		name = validation.ValidateNamespaceName
	}
	at := field.NewPath("metadata")
	problems := validation.ValidateObjectMeta(&obj.ObjectMeta, kind.Namespaced, name, at)
	if old == nil || old.DeletionTimestamp == nil {
		return problems
	}
	return append(problems, validation.ValidateNoNewFinalizers(obj.Finalizers, old.Finalizers, at.Child("finalizers"))...)
}

// keptMeta finds what only the server sets of the metadata of an object that is there: what
// is left out stays as it is, but nobody can mark an object as deleted by writing it.
func keptMeta(live, obj *api.Object) field.ErrorList {
	at := field.NewPath("metadata")
	var problems field.ErrorList
	if obj.DeletionTimestamp != nil && live.DeletionTimestamp == nil {
		problems = append(problems, field.Invalid(at.Child("deletionTimestamp"), obj.DeletionTimestamp.UTC().Format(time.RFC3339), "field is immutable"))
	}
	if obj.DeletionGracePeriodSeconds != nil && (live.DeletionGracePeriodSeconds == nil || *live.DeletionGracePeriodSeconds != *obj.DeletionGracePeriodSeconds) {
		problems = append(problems, field.Invalid(at.Child("deletionGracePeriodSeconds"), *obj.DeletionGracePeriodSeconds, "field is immutable"))
	}
	return problems
}
