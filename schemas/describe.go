package schemas

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// describe says, as Kubernetes does, what is wrong and what would be right.
func (v *violation) describe() field.ErrorList {
	s := v.schema
	switch v.keyword {
	case "type":
		return list(field.TypeInvalid(v.at, v.bad(), "must be of type "+typeName(s)+", not "+typeOf(v.value)))
	case "required":
		return v.missing()
	case "enum":
		return list(field.NotSupported(v.at, v.bad(), enumNames(s.Enum)))
	case "maxLength":
		return list(field.TooLongCharacters(v.at, "", int(*s.MaxLength)))
	case "maxItems":
		return list(field.TooMany(v.at, size(v.value), int(*s.MaxItems)))
	case "maxProperties":
		return list(field.TooMany(v.at, size(v.value), int(*s.MaxProperties)))
	case "minItems":
		return list(field.TooFew(v.at, size(v.value), int(*s.MinItems)))
	case "minProperties":
		return list(field.TooFew(v.at, size(v.value), int(*s.MinProperties)))
	case "uniqueItems", listTypeKeyword:
		return v.repeated()
	}
	return list(field.Invalid(v.at, v.bad(), v.demand()))
}

// demand is what the rule wants, for the rules that need only a sentence.
func (v *violation) demand() string {
	s := v.schema
	switch v.keyword {
	case "minLength":
		return "must be at least " + plural(int(*s.MinLength), "character") + " long"
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
		return "must be " + rangeOf(s)
	case "multipleOf":
		return "must be a multiple of " + decimal(*s.MultipleOf)
	case "pattern":
		return "must match " + s.Pattern
	case "format":
		return formatHint(format(s))
	case "oneOf":
		return choice("exactly one", s.OneOf)
	case "anyOf":
		return choice("at least one", s.AnyOf)
	case "not":
		return "must not be: " + meaning(s.Not)
	}
	return "breaks the rule " + strconv.Quote(v.keyword)
}

func list(e *field.Error) field.ErrorList { return field.ErrorList{e} }

// bad is the value as an error may show it.
func (v *violation) bad() any {
	if v.sensitive && !v.key {
		return field.OmitValueType{}
	}
	return shown(v.value)
}

func (v *violation) missing() (problems field.ErrorList) {
	object, _ := v.value.(map[string]any)
	required := v.schema.Required
	if v.schema.EmbeddedResource {
		required = slices.Concat([]string{"apiVersion", "kind"}, required)
	}
	for _, name := range required {
		if _, ok := object[name]; !ok {
			problems = append(problems, field.Required(below(v.at, name, false), ""))
		}
	}
	return problems
}

func (v *violation) repeated() (problems field.ErrorList) {
	items, _ := v.value.([]any)
	keys := distinct(v.schema.ListMapKeys)
	for _, i := range keys.repeated(items) {
		at, value := v.at.Index(i), items[i]
		switch object, _ := value.(map[string]any); {
		case len(keys) == 1:
			at, value = at.Child(keys[0]), object[keys[0]]
		case len(keys) > 1:
			id := make(map[string]any, len(keys))
			for _, key := range keys {
				id[key] = object[key]
			}
			value = id
		}
		if v.sensitive {
			value = field.OmitValueType{}
		}
		problems = append(problems, field.Duplicate(at, value))
	}
	return problems
}

func enumNames(values []any) []string {
	names := make([]string, len(values))
	for i, value := range values {
		names[i] = fmt.Sprint(value)
	}
	return names
}

func typeName(s *Schema) string { return strings.Join(jsonTypes(s), " or ") }

func size(v any) int {
	switch v := v.(type) {
	case string:
		return utf8.RuneCountInString(v)
	case []any:
		return len(v)
	case map[string]any:
		return len(v)
	}
	return 0
}

func rangeOf(s *Schema) string {
	var words []string
	if s.Minimum != nil && s.Maximum != nil && !s.ExclusiveMinimum && !s.ExclusiveMaximum {
		return "from " + decimal(*s.Minimum) + " to " + decimal(*s.Maximum)
	}
	if s.Minimum != nil {
		words = append(words, map[bool]string{true: "greater than ", false: "at least "}[s.ExclusiveMinimum]+decimal(*s.Minimum))
	}
	if s.Maximum != nil {
		words = append(words, map[bool]string{true: "less than ", false: "at most "}[s.ExclusiveMaximum]+decimal(*s.Maximum))
	}
	return strings.Join(words, " and ")
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
