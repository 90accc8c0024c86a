package schemas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// location is the name of a schema inside its compiler; it is never loaded.
const location = "schema:///kind"

// compile makes a validator of a schema tree. The places in its errors are
// places in the tree, by the same keywords.
func compile(s *Schema) (*jsonschema.Schema, error) {
	doc, err := json.Marshal(rules(s))
	if err != nil {
		return nil, fmt.Errorf("encode schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat = true
	c.Formats = formats()
	c.RegisterExtension("list-type", nil, listTypes{})
	if err := c.AddResource(location, bytes.NewReader(doc)); err != nil {
		return nil, fmt.Errorf("compile schema: %w", err)
	}
	compiled, err := c.Compile(location)
	if err != nil {
		var broken *jsonschema.SchemaError
		if errors.As(err, &broken) {
			err = broken.Err
		}
		return nil, fmt.Errorf("compile schema: %w", err)
	}
	return compiled, nil
}

// rules is the JSON Schema of what s demands of a value.
func rules(s *Schema) map[string]any {
	doc := map[string]any{}
	if t := jsonTypes(s); t != nil {
		doc["type"] = t
	}
	set(doc, "enum", s.Enum, len(s.Enum) > 0)
	set(doc, "required", s.Required, len(s.Required) > 0)
	set(doc, "pattern", s.Pattern, s.Pattern != "")
	set(doc, "format", format(s), format(s) != "")
	set(doc, "propertyNames", map[string]any{"pattern": s.KeyPattern}, s.KeyPattern != "")
	set(doc, bound("minimum", "exclusiveMinimum", s.ExclusiveMinimum), s.Minimum, s.Minimum != nil)
	set(doc, bound("maximum", "exclusiveMaximum", s.ExclusiveMaximum), s.Maximum, s.Maximum != nil)
	set(doc, "multipleOf", s.MultipleOf, s.MultipleOf != nil)
	set(doc, "uniqueItems", true, s.UniqueItems)
	for name, n := range map[string]*int64{
		"minLength": s.MinLength, "maxLength": s.MaxLength, "minItems": s.MinItems,
		"maxItems": s.MaxItems, "minProperties": s.MinProperties, "maxProperties": s.MaxProperties,
	} {
		set(doc, name, n, n != nil)
	}
	if s.ListType == "map" || s.ListType == "set" {
		doc[listTypeKeyword] = append([]string{}, s.ListMapKeys...)
	}
	rulesBelow(doc, s)
	return doc
}

func rulesBelow(doc map[string]any, s *Schema) {
	properties := make(map[string]any, len(s.Properties))
	for name, p := range s.Properties {
		properties[name] = rules(p)
	}
	set(doc, "properties", properties, len(properties) > 0)
	if s.EmbeddedResource {
		doc["required"] = append([]string{"apiVersion", "kind"}, s.Required...)
	}
	for name, child := range map[string]*Schema{"additionalProperties": s.AdditionalProperties, "items": s.Items, "not": s.Not} {
		if child != nil {
			doc[name] = rules(child)
		}
	}
	for name, branches := range map[string][]*Schema{"allOf": s.AllOf, "anyOf": s.AnyOf, "oneOf": s.OneOf} {
		var list []any
		for _, branch := range branches {
			list = append(list, rules(branch))
		}
		set(doc, name, list, list != nil)
	}
}

func set(doc map[string]any, name string, value any, there bool) {
	if there {
		doc[name] = value
	}
}

func bound(inclusive, exclusive string, isExclusive bool) string {
	if isExclusive {
		return exclusive
	}
	return inclusive
}

func jsonTypes(s *Schema) []string {
	var t []string
	switch {
	case s.IntOrString:
		t = []string{"integer", "string"}
	case s.Type != "":
		t = []string{s.Type}
	default:
		return nil
	}
	if s.Nullable {
		t = append(t, "null")
	}
	return t
}

// format is the format to check; every integer must fit into 64 bits.
func format(s *Schema) string {
	if s.Format == "" && (s.Type == "integer" || s.IntOrString) {
		return "int64"
	}
	return s.Format
}
