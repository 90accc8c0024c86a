package server

import (
	"encoding/json"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/powernode/powernode/api"
)

// Bounds of the texts of an Event of events.k8s.io, in bytes.
const (
	eventWord = 128
	eventNote = 1024
)

// admitEvent asks of an Event of events.k8s.io what Kubernetes does: all that says who did what is
// there, and later on nothing but the series goes on.
func admitEvent(r *request, old, obj *api.Object) error {
	var problems field.ErrorList
	if old == nil {
		problems = newEvent(obj)
	} else {
		for _, name := range []string{"eventTime", "reportingController", "reportingInstance", "action", "reason", "regarding", "related", "note", "type"} {
			if string(old.Rest[name]) != "" && !api.SameJSON(old.Rest[name], obj.Rest[name]) {
				problems = append(problems, field.Invalid(field.NewPath(name), field.OmitValueType{}, "field is immutable"))
			}
		}
	}
	if len(problems) > 0 {
		return apierrors.NewInvalid(r.groupKind(), obj.Name, problems)
	}
	return nil
}

func newEvent(obj *api.Object) (problems field.ErrorList) {
	word := func(name string, most int) string {
		text, at := "", field.NewPath(name)
		_ = json.Unmarshal(obj.Rest[name], &text) // the schema has seen to the type
		if text == "" && most != eventNote {
			problems = append(problems, field.Required(at, ""))
		}
		if len(text) > most {
			problems = append(problems, field.TooLong(at, "", most))
		}
		return text
	}
	controller := word("reportingController", eventWord)
	for _, message := range validation.IsQualifiedName(controller) {
		if controller != "" {
			problems = append(problems, field.Invalid(field.NewPath("reportingController"), controller, message))
		}
	}
	word("reportingInstance", eventWord)
	word("action", eventWord)
	word("reason", eventWord)
	word("note", eventNote)
	if types := []string{"Normal", "Warning"}; !slices.Contains(types, word("type", eventWord)) {
		problems = append(problems, field.NotSupported(field.NewPath("type"), "", types))
	}
	return problems
}
