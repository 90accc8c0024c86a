package schemas

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// leaf draws a schema of scalars and lists with one of every rule that fits knows.
func leaf(t *rapid.T) *Schema {
	whole := func(name string) *int64 {
		return rapid.Ptr(rapid.Int64Range(0, 3), true).Draw(t, name)
	}
	bound := func(name string) *float64 {
		return rapid.Ptr(rapid.SampledFrom([]float64{-1, 0, 1.5, 2, 1 << 60}), true).Draw(t, name)
	}
	s := &Schema{
		Type:             rapid.SampledFrom(append(types(), "")).Draw(t, "type"),
		Format:           rapid.SampledFrom([]string{"", "", "int32", "byte", "date-time", "email", "unheard-of"}).Draw(t, "format"),
		Nullable:         rapid.Bool().Draw(t, "nullable"),
		Enum:             rapid.SampledFrom([][]any{nil, nil, {"a", int64(2)}, {1.5, nil, true}}).Draw(t, "enum"),
		Pattern:          rapid.SampledFrom([]string{"", "", "^a"}).Draw(t, "pattern"),
		KeyPattern:       rapid.SampledFrom([]string{"", "^a"}).Draw(t, "keyPattern"),
		MinLength:        whole("minLength"),
		MaxLength:        whole("maxLength"),
		MinItems:         whole("minItems"),
		MaxItems:         whole("maxItems"),
		MinProperties:    whole("minProperties"),
		MaxProperties:    whole("maxProperties"),
		Minimum:          bound("minimum"),
		Maximum:          bound("maximum"),
		ExclusiveMinimum: rapid.Bool().Draw(t, "exclusiveMinimum"),
		ExclusiveMaximum: rapid.Bool().Draw(t, "exclusiveMaximum"),
		UniqueItems:      rapid.Bool().Draw(t, "uniqueItems"),
		ListType:         rapid.SampledFrom([]string{"", "set"}).Draw(t, "listType"),
		IntOrString:      rapid.Bool().Draw(t, "intOrString"),
		EmbeddedResource: rapid.IntRange(0, 9).Draw(t, "embedded") == 0,
		Required:         rapid.SampledFrom([][]string{nil, {"a"}}).Draw(t, "required"),
	}
	if s.IntOrString {
		s.Type = ""
	}
	return s
}

func branchy(t *rapid.T) *Schema {
	s := leaf(t)
	if rapid.Bool().Draw(t, "below") {
		s.Items, s.AdditionalProperties = leaf(t), leaf(t)
	}
	if rapid.Bool().Draw(t, "named") {
		s.AdditionalProperties, s.Properties = nil, map[string]*Schema{"a": leaf(t), "b": leaf(t)}
	}
	for name, list := range map[string]*[]*Schema{"allOf": &s.AllOf, "anyOf": &s.AnyOf, "oneOf": &s.OneOf} {
		if rapid.IntRange(0, 5).Draw(t, name) == 0 {
			*list = []*Schema{leaf(t), leaf(t)}
		}
	}
	if rapid.IntRange(0, 5).Draw(t, "not") == 0 {
		s.Not = leaf(t)
	}
	return s
}

func values() []any {
	scalars := []any{
		nil, true, int64(0), int64(1), int64(2), int64(1 << 60), int64(1<<60 + 1), int64(1 << 40), -1.0, 1.5, 2.0, 1e300,
		"", "a", "ab", "äöü", "b", "YQ==", "2026-01-02T03:04:05Z", "2", "a@b.de",
	}
	all := slices.Clone(scalars)
	for _, v := range scalars {
		all = append(all, []any{v}, []any{v, v}, []any{v, "a", int64(2), 2.0}, map[string]any{"a": v}, map[string]any{"b": v, "a": "a"}, map[string]any{"c": v, "d": v, "e": v, "f": v})
	}
	return append(all, []any{}, map[string]any{})
}

// The validator agrees with everything that fits lets pass.
func TestWhatFitsIsValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := branchy(t)
		compiled, err := compile(s)
		if err != nil {
			t.Fatal(err)
		}
		prepare(s, formats())
		for _, v := range values() {
			if !s.fits(v) {
				continue
			}
			if err := compiled.Validate(v); err != nil {
				t.Fatalf("%#v fits %+v, but: %#v", v, s, err)
			}
		}
	})
}

// Without this fits could refuse everything and still be right.
func TestPlainValuesFit(t *testing.T) {
	one, three := int64(1), int64(3)
	low, high := 1.0, 3.0
	for _, test := range []struct {
		schema Schema
		value  any
	}{
		{Schema{Type: "string", MinLength: &one, MaxLength: &three, Pattern: "^a"}, "aü"},
		{Schema{Type: "string", Enum: []any{"a", "b"}}, "b"},
		{Schema{Type: "string", Format: "date-time"}, "2026-01-02T03:04:05Z"},
		{Schema{Type: "integer", Minimum: &low, Maximum: &high}, int64(3)},
		{Schema{Type: "number"}, 1.5},
		{Schema{Type: "boolean"}, true},
		{Schema{Type: "string", Nullable: true}, nil},
		{Schema{IntOrString: true}, "http"},
		{Schema{PreserveUnknownFields: true}, map[string]any{"a": []any{1.5, nil}}},
		{Schema{Type: "array", ListType: "set", MaxItems: &three, Items: &Schema{Type: "string"}}, []any{"a", "b"}},
		{Schema{Type: "object", Required: []string{"a"}, Properties: map[string]*Schema{"a": {Type: "string"}}}, map[string]any{"a": "x"}},
		{Schema{Type: "object", KeyPattern: "^a", AdditionalProperties: &Schema{Type: "string"}}, map[string]any{"ab": "x"}},
		{Schema{Type: "string", AllOf: []*Schema{{Pattern: "^a"}}}, "a"},
	} {
		prepare(&test.schema, formats())
		if !test.schema.fits(test.value) {
			t.Errorf("%v does not fit %+v", test.value, test.schema)
		}
	}
}
