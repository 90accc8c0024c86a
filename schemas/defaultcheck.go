package schemas

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// checkDefaults makes sure that every default, completed by those inside of it,
// is what its own schema accepts.
func checkDefaults(at *field.Path, s *Schema) (problems field.ErrorList) {
	if s.Default != nil {
		problems = checkDefault(at.Child("default"), s)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		problems = append(problems, checkDefaults(at.Child("properties").Key(name), s.Properties[name])...)
	}
	if s.AdditionalProperties != nil {
		problems = append(problems, checkDefaults(at.Child("additionalProperties"), s.AdditionalProperties)...)
	}
	if s.Items != nil {
		problems = append(problems, checkDefaults(at.Child("items"), s.Items)...)
	}
	return problems
}

func checkDefault(at *field.Path, s *Schema) (problems field.ErrorList) {
	whole := &Schema{Type: "object", Properties: map[string]*Schema{"default": s}}
	compiled, err := compile(whole)
	if err != nil {
		return list(field.Invalid(at, field.OmitValueType{}, err.Error()))
	}
	k := &Kind{Schema: whole, compiled: compiled}
	doc := map[string]any{"default": runtime.DeepCopyJSONValue(s.Default)}
	for _, unknown := range k.Prune(doc) {
		problems = append(problems, field.Invalid(at, shown(s.Default), unknown))
	}
	k.Default(doc)
	for _, bad := range k.Validate(doc, nil) {
		problems = append(problems, field.Invalid(at, shown(s.Default), bad.Error()))
	}
	return problems
}
