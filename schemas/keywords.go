package schemas

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// reader takes the keywords of one schema node out of a decoded document and
// notes every one that is unknown or of a wrong form.
type reader struct {
	known    map[string]keyword
	problems field.ErrorList
}

type keyword func(r *reader, s *Schema, at *field.Path, v any)

// schema reads a node and all below it.
func (r *reader) schema(at *field.Path, v any) *Schema {
	s := &Schema{}
	doc, ok := v.(map[string]any)
	if !ok {
		if v == nil {
			r.problems = append(r.problems, field.Required(at, "a schema is an object with at least a type"))
		} else {
			r.wrong(at, v, "an object")
		}
		return s
	}
	if r.known == nil {
		r.known = keywords()
	}
	for _, name := range slices.Sorted(maps.Keys(doc)) {
		read, ok := r.known[name]
		switch {
		case ok:
			read(r, s, at.Child(name), doc[name])
		case refusal(name) != "":
			r.problems = append(r.problems, field.Forbidden(at.Child(name), refusal(name)))
		default:
			r.problems = append(r.problems, field.Forbidden(at.Child(name), "unknown keyword"))
		}
	}
	return s
}

// refusal explains the keywords that people know from elsewhere.
func refusal(name string) string {
	switch name {
	case "$ref", "$schema", "definitions", "dependencies", "deprecated", "discriminator", "id", "patternProperties", "readOnly", "writeOnly", "xml", "additionalItems":
		return "not allowed in a structural schema"
	}
	return ""
}

func (r *reader) wrong(at *field.Path, v any, want string) {
	r.problems = append(r.problems, field.TypeInvalid(at, shown(v), "must be "+want))
}

func keywords() map[string]keyword {
	return map[string]keyword{
		"title":            text(func(s *Schema) *string { return &s.Title }),
		"description":      text(func(s *Schema) *string { return &s.Description }),
		"type":             text(func(s *Schema) *string { return &s.Type }),
		"format":           text(func(s *Schema) *string { return &s.Format }),
		"pattern":          text(func(s *Schema) *string { return &s.Pattern }),
		"nullable":         flag(func(s *Schema) *bool { return &s.Nullable }),
		"uniqueItems":      flag(func(s *Schema) *bool { return &s.UniqueItems }),
		"exclusiveMinimum": flag(func(s *Schema) *bool { return &s.ExclusiveMinimum }),
		"exclusiveMaximum": flag(func(s *Schema) *bool { return &s.ExclusiveMaximum }),
		"minimum":          number(func(s *Schema) **float64 { return &s.Minimum }),
		"maximum":          number(func(s *Schema) **float64 { return &s.Maximum }),
		"multipleOf":       number(func(s *Schema) **float64 { return &s.MultipleOf }),
		"minLength":        count(func(s *Schema) **int64 { return &s.MinLength }),
		"maxLength":        count(func(s *Schema) **int64 { return &s.MaxLength }),
		"minItems":         count(func(s *Schema) **int64 { return &s.MinItems }),
		"maxItems":         count(func(s *Schema) **int64 { return &s.MaxItems }),
		"minProperties":    count(func(s *Schema) **int64 { return &s.MinProperties }),
		"maxProperties":    count(func(s *Schema) **int64 { return &s.MaxProperties }),
		"required":         texts(func(s *Schema) *[]string { return &s.Required }),
		"default":          value(func(s *Schema) *any { return &s.Default }),
		"example":          value(func(s *Schema) *any { return &s.Example }),
		"externalDocs":     func(*reader, *Schema, *field.Path, any) {},
		"enum":             readEnum,

		"properties":           readProperties,
		"additionalProperties": readAdditional,
		"items":                node(func(s *Schema) **Schema { return &s.Items }),
		"not":                  node(func(s *Schema) **Schema { return &s.Not }),
		"allOf":                nodes(func(s *Schema) *[]*Schema { return &s.AllOf }),
		"anyOf":                nodes(func(s *Schema) *[]*Schema { return &s.AnyOf }),
		"oneOf":                nodes(func(s *Schema) *[]*Schema { return &s.OneOf }),

		"x-kubernetes-preserve-unknown-fields": flag(func(s *Schema) *bool { return &s.PreserveUnknownFields }),
		"x-kubernetes-int-or-string":           flag(func(s *Schema) *bool { return &s.IntOrString }),
		"x-kubernetes-embedded-resource":       flag(func(s *Schema) *bool { return &s.EmbeddedResource }),
		"x-kubernetes-list-type":               text(func(s *Schema) *string { return &s.ListType }),
		"x-kubernetes-list-map-keys":           texts(func(s *Schema) *[]string { return &s.ListMapKeys }),
		"x-kubernetes-map-type":                text(func(s *Schema) *string { return &s.MapType }),
		rulesKeyword:                           readRules,
		"x-kubernetes-patch-strategy":          text(func(s *Schema) *string { return &s.PatchStrategy }),
		"x-kubernetes-patch-merge-key":         text(func(s *Schema) *string { return &s.PatchMergeKey }),

		"x-powernode-sensitive":      flag(func(s *Schema) *bool { return &s.Sensitive }),
		"x-powernode-immutable":      flag(func(s *Schema) *bool { return &s.Immutable }),
		"x-powernode-immutable-when": text(func(s *Schema) *string { return &s.ImmutableWhen }),
		"x-powernode-json-schema":    flag(func(s *Schema) *bool { return &s.JSONSchema }),
		"x-powernode-key-pattern":    text(func(s *Schema) *string { return &s.KeyPattern }),
	}
}
