package schemas

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// checkSelectable makes sure that a selectable field is one value of the schema,
// of a type that can be compared with a word.
func checkSelectable(at *field.Path, s *Schema, path string) field.ErrorList {
	names := strings.Split(strings.TrimPrefix(path, "."), ".")
	if names[0] == "metadata" {
		return list(field.Invalid(at, path, "must not be of metadata, whose name and namespace are selectable anyway"))
	}
	for _, name := range names {
		if s = s.Properties[name]; s == nil {
			return list(field.Invalid(at, path, "must be the path of a field of the schema, without lists and maps"))
		}
	}
	if !slices.Contains([]string{"string", "boolean", "integer"}, s.Type) {
		return list(field.Invalid(at, path, "must be a field of type boolean, integer or string"))
	}
	return nil
}
