package schemas

import "k8s.io/kube-openapi/pkg/validation/spec"

// published is a schema node in the words of OpenAPI v3.
func published(s *Schema) *spec.Schema {
	out := &spec.Schema{SchemaProps: spec.SchemaProps{
		Title: s.Title, Description: s.Description, Format: s.Format,
		Nullable: s.Nullable, Default: s.Default, Enum: s.Enum, Pattern: s.Pattern,
		Minimum: s.Minimum, Maximum: s.Maximum, ExclusiveMinimum: s.ExclusiveMinimum, ExclusiveMaximum: s.ExclusiveMaximum,
		MultipleOf: s.MultipleOf, MinLength: s.MinLength, MaxLength: s.MaxLength, MinItems: s.MinItems, MaxItems: s.MaxItems,
		UniqueItems: s.UniqueItems, MinProperties: s.MinProperties, MaxProperties: s.MaxProperties, Required: s.Required,
		AllOf: publishedAll(s.AllOf), AnyOf: publishedAll(s.AnyOf), OneOf: publishedAll(s.OneOf),
	}}
	if s.Type != "" {
		out.Type = spec.StringOrArray{s.Type}
	}
	if s.Not != nil {
		out.Not = published(s.Not)
	}
	if s.Items != nil {
		out.Items = &spec.SchemaOrArray{Schema: published(s.Items)}
	}
	if s.AdditionalProperties != nil {
		out.AdditionalProperties = &spec.SchemaOrBool{Allows: true, Schema: published(s.AdditionalProperties)}
	}
	if s.Properties != nil {
		out.Properties = make(map[string]spec.Schema, len(s.Properties))
		for name, p := range s.Properties {
			out.Properties[name] = *published(p)
		}
	}
	if s.Example != nil {
		out.Example = s.Example
	}
	publishExtensions(out, s)
	return out
}

func publishedAll(list []*Schema) []spec.Schema {
	var out []spec.Schema
	for _, s := range list {
		out = append(out, *published(s))
	}
	return out
}

// publishExtensions tells apply what it must know: how lists and maps merge.
func publishExtensions(out *spec.Schema, s *Schema) {
	for name, on := range map[string]bool{
		"x-kubernetes-preserve-unknown-fields": s.PreserveUnknownFields,
		"x-kubernetes-int-or-string":           s.IntOrString,
		"x-kubernetes-embedded-resource":       s.EmbeddedResource,
	} {
		if on {
			out.AddExtension(name, true)
		}
	}
	for name, value := range map[string]string{
		"x-kubernetes-list-type":       s.ListType,
		"x-kubernetes-map-type":        s.MapType,
		"x-kubernetes-patch-strategy":  s.PatchStrategy,
		"x-kubernetes-patch-merge-key": s.PatchMergeKey,
	} {
		if value != "" {
			out.AddExtension(name, value)
		}
	}
	if len(s.Rules) > 0 {
		out.AddExtension(rulesKeyword, typedRules(s.Rules))
	}
	if len(s.ListMapKeys) > 0 {
		keys := make([]any, len(s.ListMapKeys))
		for i, key := range s.ListMapKeys {
			keys[i] = key
		}
		out.AddExtension("x-kubernetes-list-map-keys", keys)
	}
}
