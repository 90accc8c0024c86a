package schematest

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/powernode/powernode/schemas"
)

// Agree compares a schema with the Go type that its values are decoded into and
// tells every difference with its path: a property without a Go field of that
// JSON name, a Go field without a property, types that don't fit each other.
func Agree(path string, s *schemas.Schema, t reflect.Type) (differences []string) {
	if t.Kind() == reflect.Pointer {
		return Agree(path, s, t.Elem())
	}
	if fits, special := agreeSpecial(s, t); special {
		if !fits {
			return []string{differs(path, s, t)}
		}
		return nil
	}
	switch t.Kind() {
	case reflect.Struct:
		return agreeStruct(path, s, t)
	case reflect.Map:
		return agreeMap(path, s, t)
	case reflect.Slice, reflect.Array:
		if s.Type != "array" || s.Items == nil {
			return []string{differs(path, s, t)}
		}
		return Agree(path+"[]", s.Items, t.Elem())
	}
	if s.Type != scalarType(t.Kind()) {
		return []string{differs(path, s, t)}
	}
	return nil
}

// agreeSpecial knows the types whose JSON form is not that of their fields.
func agreeSpecial(s *schemas.Schema, t reflect.Type) (fits, special bool) {
	switch t {
	case reflect.TypeFor[json.RawMessage](), reflect.TypeFor[any]():
		return true, true
	case reflect.TypeFor[[]byte]():
		return s.Type == "string" && s.Format == "byte", true
	case reflect.TypeFor[metav1.Time](), reflect.TypeFor[metav1.MicroTime]():
		return s.Type == "string" && s.Format == "date-time", true
	case reflect.TypeFor[metav1.Duration]():
		return s.Type == "string" && s.Format == "duration", true
	case reflect.TypeFor[metav1.FieldsV1]():
		return s.Type == "object" && s.PreserveUnknownFields, true
	case reflect.TypeFor[intstr.IntOrString]():
		return s.IntOrString, true
	case reflect.TypeFor[resource.Quantity]():
		return s.IntOrString || s.Type == "string", true
	}
	return false, false
}

func agreeStruct(path string, s *schemas.Schema, t reflect.Type) (differences []string) {
	if s.Type != "object" {
		return []string{differs(path, s, t)}
	}
	fields := map[string]reflect.Type{}
	jsonFields(t, fields)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		p, ok := s.Properties[name]
		if !ok {
			differences = append(differences, fmt.Sprintf("%s.%s: a field of %s without a property in the schema", path, name, t))
			continue
		}
		differences = append(differences, Agree(path+"."+name, p, fields[name])...)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if _, ok := fields[name]; !ok {
			differences = append(differences, fmt.Sprintf("%s.%s: a property without a field in %s", path, name, t))
		}
	}
	return differences
}

func agreeMap(path string, s *schemas.Schema, t reflect.Type) []string {
	switch {
	case s.Type != "object" || t.Key().Kind() != reflect.String:
		return []string{differs(path, s, t)}
	case s.AdditionalProperties != nil:
		return Agree(path+"{}", s.AdditionalProperties, t.Elem())
	case s.PreserveUnknownFields && t.Elem() == reflect.TypeFor[any](), s.PreserveUnknownFields && t.Elem() == reflect.TypeFor[json.RawMessage]():
		return nil
	}
	return []string{differs(path, s, t)}
}

// jsonFields are the fields of t by JSON name, those of embedded structs included.
func jsonFields(t reflect.Type, fields map[string]reflect.Type) {
	for f := range structFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case f.Anonymous && (name == "" || options == "inline"):
			embedded := f.Type
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			jsonFields(embedded, fields)
		case name == "":
			fields[f.Name] = f.Type
		default:
			fields[name] = f.Type
		}
	}
}

func structFields(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

func scalarType(k reflect.Kind) string {
	switch k {
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "integer"
	}
	return "nothing in JSON"
}

func differs(path string, s *schemas.Schema, t reflect.Type) string {
	said := strings.TrimSpace(s.Type + " " + s.Format)
	if s.IntOrString {
		said = "integer or string"
	}
	return fmt.Sprintf("%s: the schema says %q, Go says %s", path, said, t)
}
