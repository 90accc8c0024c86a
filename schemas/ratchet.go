package schemas

import (
	"reflect"
	"slices"
)

// kept reports whether a violation is of a value that old had already, where it
// can be found again. As in Kubernetes such a value is let be: a schema that got
// stricter must not stop a change of something else. Choices are always asked.
func (v *violation) kept(s *Schema, doc, old any) bool {
	if slices.Contains([]string{"anyOf", "oneOf", "not"}, v.keyword) {
		return false
	}
	for _, name := range v.place {
		if reflect.DeepEqual(doc, old) {
			return true
		}
		switch parent := doc.(type) {
		case map[string]any:
			before, _ := old.(map[string]any)
			was, there := before[name]
			if !there {
				return false
			}
			child, _ := or(s).child(name)
			doc, old, s = parent[name], was, child
		case []any:
			item := parent[index(name)]
			was, there := or(s).sameItem(item, old)
			if !there {
				return false
			}
			doc, old, s = item, was, or(s).Items
		default:
			return false
		}
	}
	return reflect.DeepEqual(doc, old)
}

// sameItem finds the item of an old list by key that has the keys of item.
func (s *Schema) sameItem(item, old any) (was any, there bool) {
	before, _ := old.([]any)
	if s.ListType != "map" {
		return nil, false
	}
	keys := distinct(s.ListMapKeys)
	id, ok := keys.id(item)
	for _, other := range before {
		if otherID, has := keys.id(other); ok && has && otherID == id {
			return other, true
		}
	}
	return nil, false
}
