package schemas

import (
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	celtypes "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
)

// typed is a schema tree in the form from which Kubernetes takes the types of
// CEL rules and the bounds of their costs. It is a copy.
func typed(s *Schema) *celtypes.Structural {
	out := &celtypes.Structural{
		Generic:              celtypes.Generic{Type: s.Type, Nullable: s.Nullable},
		Extensions:           typedExtensions(s),
		ValidationExtensions: celtypes.ValidationExtensions{XValidations: typedRules(s.Rules)},
		ValueValidation:      typedValues(s),
	}
	if s.Default != nil {
		out.Default = celtypes.JSON{Object: s.Default}
	}
	if s.Items != nil {
		out.Items = typed(s.Items)
	}
	if s.AdditionalProperties != nil {
		out.AdditionalProperties = &celtypes.StructuralOrBool{Bool: true, Structural: typed(s.AdditionalProperties)}
	}
	if s.Properties != nil {
		out.Properties = make(map[string]celtypes.Structural, len(s.Properties))
		for name, p := range s.Properties {
			out.Properties[name] = *typed(p)
		}
	}
	return out
}

func typedExtensions(s *Schema) celtypes.Extensions {
	out := celtypes.Extensions{
		XPreserveUnknownFields: s.PreserveUnknownFields, XEmbeddedResource: s.EmbeddedResource,
		XIntOrString: s.IntOrString, XListMapKeys: s.ListMapKeys,
	}
	if s.ListType != "" {
		out.XListType = &s.ListType
	}
	if s.MapType != "" {
		out.XMapType = &s.MapType
	}
	return out
}

func typedValues(s *Schema) *celtypes.ValueValidation {
	out := &celtypes.ValueValidation{
		Format: s.Format, MaxLength: s.MaxLength, MinLength: s.MinLength, Pattern: s.Pattern,
		Maximum: s.Maximum, Minimum: s.Minimum, ExclusiveMaximum: s.ExclusiveMaximum, ExclusiveMinimum: s.ExclusiveMinimum,
		MaxItems: s.MaxItems, MinItems: s.MinItems, MaxProperties: s.MaxProperties, MinProperties: s.MinProperties,
		Required: s.Required,
	}
	for _, v := range s.Enum {
		out.Enum = append(out.Enum, celtypes.JSON{Object: v})
	}
	for _, branch := range s.AllOf {
		out.AllOf = append(out.AllOf, *typedBranch(branch))
	}
	return out
}

// typedBranch is a branch of allOf, of which only the rules matter here: its
// values have the types of the schema around it.
func typedBranch(s *Schema) *celtypes.NestedValueValidation {
	if s == nil {
		return nil
	}
	out := &celtypes.NestedValueValidation{
		ValidationExtensions: celtypes.ValidationExtensions{XValidations: typedRules(s.Rules)},
		Items:                typedBranch(s.Items),
	}
	for _, branch := range s.AllOf {
		out.AllOf = append(out.AllOf, *typedBranch(branch))
	}
	if len(s.Properties) > 0 {
		out.Properties = make(map[string]celtypes.NestedValueValidation, len(s.Properties))
		for name, p := range s.Properties {
			out.Properties[name] = *typedBranch(p)
		}
	}
	return out
}

func typedRules(rules []Rule) apiextensions.ValidationRules {
	var out apiextensions.ValidationRules
	for _, rule := range rules {
		typed := apiextensions.ValidationRule{
			Rule: rule.Rule, Message: rule.Message, MessageExpression: rule.MessageExpression,
			FieldPath: rule.FieldPath, OptionalOldSelf: rule.OptionalOldSelf,
		}
		if rule.Reason != "" {
			reason := apiextensions.FieldValueErrorReason(rule.Reason)
			typed.Reason = &reason
		}
		out = append(out, typed)
	}
	return out
}
