package flow

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/powernode/powernode/api/v1"
)

// Declared are the inputs that a pipeline takes; nil when it takes none.
func Declared(spec *v1.PipelineSpec) map[string]v1.Input {
	if spec.Triggers.Manual == nil {
		return nil
	}
	return spec.Triggers.Manual.Inputs
}

// Inputs checks values against what a pipeline declares and adds the defaults
// of those that are not given. path is that of the values.
func Inputs(path *field.Path, declared map[string]v1.Input, given map[string]json.RawMessage) (map[string]json.RawMessage, field.ErrorList) {
	var wrong field.ErrorList
	var complete map[string]json.RawMessage
	keep := func(name string, value json.RawMessage) {
		if complete == nil {
			complete = map[string]json.RawMessage{}
		}
		complete[name] = value
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		input, is := declared[name]
		if !is {
			wrong = append(wrong, field.Invalid(path.Child(name), text(given[name]), undeclared(declared)))
			continue
		}
		wrong = append(wrong, CheckInput(path.Child(name), input, given[name])...)
		keep(name, given[name])
	}
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		input := declared[name]
		if _, is := given[name]; is {
			continue
		}
		if len(input.Default) > 0 {
			keep(name, input.Default)
		} else if input.Required {
			wrong = append(wrong, field.Required(path.Child(name), "the pipeline can't run without it"))
		}
	}
	return complete, wrong
}

func undeclared(declared map[string]v1.Input) string {
	if len(declared) == 0 {
		return "the pipeline declares no inputs"
	}
	return "the pipeline declares no such input; it declares " + strings.Join(slices.Sorted(maps.Keys(declared)), ", ")
}

// CheckInput checks one value against the declaration of its input.
func CheckInput(path *field.Path, input v1.Input, raw json.RawMessage) field.ErrorList {
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return field.ErrorList{field.Invalid(path, string(raw), "must be a value of JSON")}
	}
	s, isText := value.(string)
	switch input.Type {
	case "number":
		if _, is := value.(float64); !is {
			return field.ErrorList{field.Invalid(path, text(raw), "must be a number, written without quotes")}
		}
	case "boolean":
		if _, is := value.(bool); !is {
			return field.ErrorList{field.Invalid(path, text(raw), "must be true or false, written without quotes")}
		}
	case "choice":
		if !isText || !slices.Contains(input.Options, s) {
			return field.ErrorList{field.NotSupported(path, text(raw), input.Options)}
		}
	default:
		if !isText {
			return field.ErrorList{field.Invalid(path, text(raw), "must be a string")}
		}
		return checkPattern(path, input, s)
	}
	return nil
}

func checkPattern(path *field.Path, input v1.Input, s string) field.ErrorList {
	if input.Pattern == "" {
		return nil
	}
	pattern, err := Pattern(input.Pattern)
	if err != nil || pattern.MatchString(s) { // a broken pattern is reported at its own path
		return nil
	}
	return field.ErrorList{field.Invalid(path, s, fmt.Sprintf("must match the pattern %s", input.Pattern))}
}

// Pattern compiles an input's pattern, which the whole value must match.
func Pattern(pattern string) (*regexp.Regexp, error) {
	return regexp.Compile(`\A(?:` + pattern + `)\z`)
}

// text shows a value in an error: a string as it is, anything else as JSON.
func text(raw json.RawMessage) any {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}
