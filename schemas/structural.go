package schemas

import (
	"maps"
	"regexp"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// structural checks that a schema tree says of every field what it is, and
// contradicts itself nowhere.
func structural(at *field.Path, s *Schema) field.ErrorList {
	problems := checkType(at, s)
	problems = append(problems, checkFields(at, s)...)
	problems = append(problems, checkList(at, s)...)
	problems = append(problems, checkPatterns(at, s)...)
	for i, want := range s.Enum {
		if s.Type != "" && !hasType(s, want) && !(want == nil && s.Nullable) {
			problems = append(problems, field.TypeInvalid(at.Child("enum").Index(i), shown(want), "must be of type "+s.Type))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		problems = append(problems, structural(at.Child("properties").Key(name), s.Properties[name])...)
	}
	if s.AdditionalProperties != nil {
		problems = append(problems, structural(at.Child("additionalProperties"), s.AdditionalProperties)...)
	}
	if s.Items != nil {
		problems = append(problems, structural(at.Child("items"), s.Items)...)
	}
	eachBranch(at, s, func(at *field.Path, branch *Schema) {
		problems = append(problems, narrowing(at, branch, s, slices.Contains(s.AllOf, branch))...)
	})
	return problems
}

func types() []string { return []string{"array", "boolean", "integer", "number", "object", "string"} }

func checkType(at *field.Path, s *Schema) (problems field.ErrorList) {
	switch {
	case s.IntOrString && s.Type != "":
		problems = append(problems, field.Forbidden(at.Child("type"), "x-kubernetes-int-or-string says the type"))
	case s.Type == "" && !s.IntOrString && !s.PreserveUnknownFields:
		problems = append(problems, field.Required(at.Child("type"), "every field has a type"))
	case s.Type != "" && !slices.Contains(types(), s.Type):
		problems = append(problems, field.NotSupported(at.Child("type"), s.Type, types()))
	}
	if s.EmbeddedResource && s.Type != "object" {
		problems = append(problems, field.Invalid(at.Child("x-kubernetes-embedded-resource"), true, "needs type object"))
	}
	if s.MapType != "" && s.Type != "object" {
		problems = append(problems, field.Invalid(at.Child("x-kubernetes-map-type"), s.MapType, "needs type object"))
	}
	if s.MapType != "" && s.MapType != "granular" && s.MapType != "atomic" {
		problems = append(problems, field.NotSupported(at.Child("x-kubernetes-map-type"), s.MapType, []string{"atomic", "granular"}))
	}
	return problems
}

func checkFields(at *field.Path, s *Schema) (problems field.ErrorList) {
	if s.Properties != nil && s.AdditionalProperties != nil {
		problems = append(problems, field.Forbidden(at.Child("additionalProperties"), "not together with properties"))
	}
	if (s.Properties != nil || s.AdditionalProperties != nil) && s.Type != "object" && s.Type != "" {
		problems = append(problems, field.Invalid(at.Child("type"), s.Type, "must be object, as there are properties"))
	}
	if s.Type == "array" && s.Items == nil {
		problems = append(problems, field.Required(at.Child("items"), "say what the list's items are"))
	}
	if s.Type != "array" && s.Type != "" && s.Items != nil {
		problems = append(problems, field.Invalid(at.Child("type"), s.Type, "must be array, as there are items"))
	}
	if _, ok := s.Properties[s.ImmutableWhen]; s.ImmutableWhen != "" && ok {
		problems = append(problems, field.Invalid(at.Child("x-powernode-immutable-when"), s.ImmutableWhen, "names a sibling, not a field below"))
	}
	return problems
}

func checkList(at *field.Path, s *Schema) (problems field.ErrorList) {
	typeAt, keysAt := at.Child("x-kubernetes-list-type"), at.Child("x-kubernetes-list-map-keys")
	if s.ListType != "" && s.Type != "array" {
		return field.ErrorList{field.Invalid(typeAt, s.ListType, "needs type array")}
	}
	if s.ListType != "map" && s.ListMapKeys != nil {
		problems = append(problems, field.Forbidden(keysAt, "only with x-kubernetes-list-type: map"))
	}
	switch s.ListType {
	case "", "atomic":
	case "set":
		if s.Items != nil && s.Items.Type == "object" && s.Items.MapType != "atomic" {
			problems = append(problems, field.Invalid(typeAt, "set", "needs items that are scalars or atomic"))
		}
	case "map":
		if len(s.ListMapKeys) == 0 {
			problems = append(problems, field.Required(keysAt, "say which fields tell the items apart"))
		}
		for i, key := range s.ListMapKeys {
			problems = append(problems, checkListKey(keysAt.Index(i), s.Items, key)...)
		}
	default:
		problems = append(problems, field.NotSupported(typeAt, s.ListType, []string{"atomic", "map", "set"}))
	}
	return problems
}

func checkListKey(at *field.Path, items *Schema, key string) field.ErrorList {
	if items == nil || items.Properties[key] == nil {
		return field.ErrorList{field.Invalid(at, key, "is not a property of the items")}
	}
	k := items.Properties[key]
	if k.Type == "object" || k.Type == "array" {
		return field.ErrorList{field.Invalid(at, key, "must be a scalar")}
	}
	if k.Default == nil && !slices.Contains(items.Required, key) {
		return field.ErrorList{field.Invalid(at, key, "must be required or have a default")}
	}
	return nil
}

func checkPatterns(at *field.Path, s *Schema) (problems field.ErrorList) {
	for name, pattern := range map[string]string{"pattern": s.Pattern, "x-powernode-key-pattern": s.KeyPattern} {
		if _, err := regexp.Compile(pattern); err != nil {
			problems = append(problems, field.Invalid(at.Child(name), pattern, err.Error()))
		}
	}
	if s.MultipleOf != nil && *s.MultipleOf <= 0 {
		problems = append(problems, field.Invalid(at.Child("multipleOf"), *s.MultipleOf, "must be greater than 0"))
	}
	return problems
}

// hasType reports whether a decoded value has the schema's type.
func hasType(s *Schema, v any) bool {
	got := typeOf(v)
	switch {
	case s.IntOrString:
		return got == "integer" || got == "string"
	case s.Type == "number":
		return got == "integer" || got == "number"
	}
	return s.Type == "" || s.Type == got
}

// typeOf names the type of a decoded JSON value.
func typeOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case int64, int:
		return "integer"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}
