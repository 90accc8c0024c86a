package schemas

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Prune removes from doc, in place, the fields that the kind does not have and
// names them, in order: `unknown field "spec.steps[2].bogus"`.
func (k *Kind) Prune(doc map[string]any) (unknown []string) {
	for _, at := range prune(nil, doc, k.Schema, nil) {
		unknown = append(unknown, fmt.Sprintf("unknown field %q", at))
	}
	return unknown
}

// prune appends the paths of what it removed below at to found.
func prune(at *field.Path, v any, s *Schema, found []string) []string {
	switch v := v.(type) {
	case map[string]any:
		return pruneObject(at, v, s, found)
	case []any:
		if s.Items == nil {
			return found
		}
		for i, item := range v {
			found = prune(at.Index(i), item, s.Items, found)
		}
	}
	return found
}

func pruneObject(at *field.Path, doc map[string]any, s *Schema, found []string) []string {
	if s.Type != "object" && !s.PreserveUnknownFields {
		return found // a wrong type: Validate tells
	}
	if len(doc) == 0 || (s.PreserveUnknownFields && len(s.Properties) == 0 && s.AdditionalProperties == nil) {
		return found
	}
	for _, name := range slices.Sorted(maps.Keys(doc)) {
		child, mapped := s.child(name)
		switch {
		case child != nil:
			found = prune(below(at, name, mapped), doc[name], child, found)
		case s.EmbeddedResource && (name == "apiVersion" || name == "kind" || name == "metadata"):
		case !s.PreserveUnknownFields:
			delete(doc, name)
			found = append(found, below(at, name, false).String())
		}
	}
	return found
}

// below is the path of a field; names in a map are written in brackets.
func below(at *field.Path, name string, mapped bool) *field.Path {
	switch {
	case at == nil:
		return field.NewPath(name)
	case mapped:
		return at.Key(name)
	}
	return at.Child(name)
}
