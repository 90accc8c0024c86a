package schemas

import (
	"context"
	"slices"

	celrules "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/common"
)

// addRules makes programs of the rules of the kind's schema, once for all
// objects. They are safe for concurrent use.
func (k *Kind) addRules(at *field.Path) field.ErrorList {
	if !hasRules(k.Schema) {
		return nil
	}
	root := *k.Schema
	root.Properties = mapWithout(root.Properties, "metadata") // CEL has its own view of it
	types := typed(&root)
	if problems := checkRules(at, &root, types); len(problems) > 0 {
		return problems
	}
	k.types = types
	k.rules = celrules.NewValidator(types, true, celconfig.PerCallLimit)
	return brokenDefaults(at, &root)
}

// brokenDefaults are the defaults that break the rules of their own schemas.
func brokenDefaults(at *field.Path, s *Schema) (problems field.ErrorList) {
	eachDefault(at, s, func(at *field.Path, s *Schema) {
		if !hasRules(s) {
			return
		}
		whole := runtime.DeepCopyJSONValue(s.Default)
		setDefaults(whole, s)
		rules := celrules.NewValidator(typed(s), s.EmbeddedResource, celconfig.PerCallLimit)
		wrong, _ := rules.Validate(context.Background(), at, nil, whole, nil, celconfig.RuntimeCELCostBudget)
		problems = append(problems, wrong...)
	})
	return problems
}

// broken are the rules that doc, or the change of old to it, breaks. They run
// within a budget: a rule that needs more ends in an error that says so. They
// are not asked of a document of another form than the one they were written
// for: what is wrong with the form is what its author has to hear first.
func (k *Kind) broken(doc, old map[string]any, others field.ErrorList) field.ErrorList {
	if k.rules == nil {
		return nil
	}
	if slices.ContainsFunc(others, misshapen) {
		return nil
	}
	var before any
	var options []celrules.Option
	if old != nil {
		before = old
		options = append(options, celrules.WithRatcheting(common.NewCorrelatedObject(doc, old, &model.Structural{Structural: k.types})))
	}
	problems, _ := k.rules.Validate(context.Background(), nil, nil, doc, before, celconfig.RuntimeCELCostBudget, options...)
	return problems
}

// misshapen reports whether a problem is of a kind that rules would trip over.
func misshapen(e *field.Error) bool {
	switch e.Type {
	case field.ErrorTypeTypeInvalid, field.ErrorTypeRequired, field.ErrorTypeNotSupported, field.ErrorTypeTooLong, field.ErrorTypeTooMany:
		return true
	}
	return false
}

// hasRules reports whether there is a rule in s or below.
func hasRules(s *Schema) bool {
	if len(s.Rules) > 0 || slices.ContainsFunc(s.AllOf, hasRules) {
		return true
	}
	for _, p := range s.Properties {
		if hasRules(p) {
			return true
		}
	}
	return s.Items != nil && hasRules(s.Items) || s.AdditionalProperties != nil && hasRules(s.AdditionalProperties)
}

func mapWithout(m map[string]*Schema, name string) map[string]*Schema {
	out := make(map[string]*Schema, len(m))
	for key, value := range m {
		if key != name {
			out[key] = value
		}
	}
	return out
}
