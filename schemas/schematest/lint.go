package schematest

import (
	"maps"
	"slices"
	"strings"

	"github.com/powernode/powernode/schemas"
)

// Lint tells what a schema that works still lacks for people: descriptions;
// keywords that have no effect on a value of their type; names that YAML
// takes for something else; and defaults that would unsettle kubectl apply.
func Lint(k *schemas.Kind) (problems []string) {
	if k.Description == "" {
		problems = append(problems, k.Kind+": no description")
	}
	for _, c := range k.Columns {
		if c.Description == "" {
			problems = append(problems, k.Kind+": column "+c.Name+" has no description")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(k.Schema.Properties)) {
		if name != "metadata" {
			problems = append(problems, lint(name, k.Schema.Properties[name])...)
		}
	}
	return problems
}

func lint(path string, s *schemas.Schema) (problems []string) {
	if s.Description == "" && !strings.HasSuffix(path, "[]") && !strings.HasSuffix(path, "{}") {
		problems = append(problems, path+": no description")
	}
	if s.Description != "" && !strings.ContainsAny(s.Description[len(s.Description)-1:], ".!?)") {
		problems = append(problems, path+": the description is not a sentence: "+s.Description)
	}
	if s.Default != nil && strings.Contains(path, "[]") {
		problems = append(problems, path+": a default inside a list makes every kubectl apply a change, as it takes lists as a whole; let the controller take the zero value for it")
	}
	for _, name := range s.Required {
		if s.Properties[name] == nil && !s.PreserveUnknownFields {
			problems = append(problems, path+": requires "+name+", which is not among the properties")
		}
	}
	for _, useless := range idle(s) {
		problems = append(problems, path+": "+useless+" has no effect on type "+s.Type)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if slices.Contains([]string{"y", "n", "yes", "no", "on", "off", "true", "false"}, strings.ToLower(name)) {
			problems = append(problems, path+"."+name+": YAML reads this name as a boolean, unless people quote it; choose another")
		}
		problems = append(problems, lint(path+"."+name, s.Properties[name])...)
	}
	if s.AdditionalProperties != nil {
		problems = append(problems, lint(path+"{}", s.AdditionalProperties)...)
	}
	if s.Items != nil {
		problems = append(problems, lint(path+"[]", s.Items)...)
	}
	return problems
}

// idle are the keywords of s that say nothing about values of its type.
func idle(s *schemas.Schema) (names []string) {
	note := func(types, name string, used bool) {
		if used && s.Type != "" && !strings.Contains(types, s.Type) {
			names = append(names, name)
		}
	}
	note("string", "pattern", s.Pattern != "")
	note("string", "minLength", s.MinLength != nil)
	note("string", "maxLength", s.MaxLength != nil)
	note("integer number", "minimum", s.Minimum != nil)
	note("integer number", "maximum", s.Maximum != nil)
	note("integer number", "multipleOf", s.MultipleOf != nil)
	note("array", "minItems", s.MinItems != nil)
	note("array", "maxItems", s.MaxItems != nil)
	note("array", "uniqueItems", s.UniqueItems)
	note("object", "minProperties", s.MinProperties != nil)
	note("object", "maxProperties", s.MaxProperties != nil)
	note("object", "required", len(s.Required) > 0)
	note("object", "x-powernode-key-pattern", s.KeyPattern != "")
	return names
}
