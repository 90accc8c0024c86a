package schemas

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

func eachBranch(at *field.Path, s *Schema, visit func(*field.Path, *Schema)) {
	lists := []struct {
		name  string
		items []*Schema
	}{{"allOf", s.AllOf}, {"anyOf", s.AnyOf}, {"oneOf", s.OneOf}}
	for _, list := range lists {
		for i, branch := range list.items {
			visit(at.Child(list.name).Index(i), branch)
		}
	}
	if s.Not != nil {
		visit(at.Child("not"), s.Not)
	}
}

// narrowing checks a branch of allOf, anyOf, oneOf or not: it may only speak of
// fields that base, the schema around it, has. Rules are only in branches that
// all hold.
func narrowing(at *field.Path, s, base *Schema, all bool) (problems field.ErrorList) {
	forbid := func(set bool, name string) {
		if set {
			problems = append(problems, field.Forbidden(at.Child(name), "say it outside of allOf, anyOf, oneOf and not"))
		}
	}
	open := base.PreserveUnknownFields || base.IntOrString
	forbid(s.Type != "" && !open, "type")
	forbid(s.AdditionalProperties != nil, "additionalProperties")
	forbid(s.Default != nil, "default")
	forbid(s.Nullable, "nullable")
	forbid(len(s.Rules) > 0 && !all, rulesKeyword)
	problems = append(problems, checkPatterns(at, s)...)
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		nameAt := at.Child("properties").Key(name)
		child, _ := base.child(name)
		if child == nil && !open {
			problems = append(problems, field.Invalid(nameAt, name, "is not among the properties outside"))
			continue
		}
		problems = append(problems, narrowing(nameAt, s.Properties[name], or(child), all)...)
	}
	if s.Items != nil {
		problems = append(problems, narrowing(at.Child("items"), s.Items, or(base.Items), all)...)
	}
	eachBranch(at, s, func(at *field.Path, branch *Schema) {
		problems = append(problems, narrowing(at, branch, base, all && slices.Contains(s.AllOf, branch))...)
	})
	return problems
}

func or(s *Schema) *Schema {
	if s == nil {
		return anything()
	}
	return s
}
