package schemas

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// unchanged finds the fields that changed although the schema says they can't.
func unchanged(at *field.Path, s *Schema, doc, old map[string]any) (problems field.ErrorList) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		if !p.checks.mayFreeze || reflect.DeepEqual(doc[name], old[name]) {
			continue
		}
		nameAt := below(at, name, false)
		frozen, _ := old[p.ImmutableWhen].(bool)
		switch {
		case p.Immutable && old[name] != nil:
			v := violation{value: doc[name], sensitive: p.Sensitive}
			problems = append(problems, field.Invalid(nameAt, v.bad(), "field is immutable"))
		case p.ImmutableWhen != "" && frozen:
			problems = append(problems, field.Forbidden(nameAt, fmt.Sprintf("field is immutable when %q is set", p.ImmutableWhen)))
		default:
			child, isObject := doc[name].(map[string]any)
			before, wasObject := old[name].(map[string]any)
			if isObject && wasObject {
				problems = append(problems, unchanged(nameAt, p, child, before)...)
			}
		}
	}
	return problems
}
