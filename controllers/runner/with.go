package runner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/powernode/powernode/api/expression"
	protocol "github.com/powernode/powernode/api/runner"
)

// The configuration of each type of step, evaluated.
type (
	checkoutWith struct {
		Repository text  `json:"repository"`
		Ref        text  `json:"ref"`
		Depth      whole `json:"depth"`
		Path       text  `json:"path"`
	}
	// scriptWith is that of custom (run) and of run_tests (command).
	scriptWith struct {
		Run              string `json:"run"`
		Command          string `json:"command"`
		Shell            text   `json:"shell"`
		WorkingDirectory text   `json:"workingDirectory"`
	}
	uploadWith struct {
		Name           text     `json:"name"`
		Path           patterns `json:"path"`
		IfNoFilesFound text     `json:"ifNoFilesFound"` // error, warn, ignore
	}
	downloadWith struct {
		Name text `json:"name"`
		Path text `json:"path"`
	}
)

// text is a string, or what an expression yields in its place.
type text string

func (t *text) UnmarshalJSON(raw []byte) error {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	switch v.(type) {
	case []any, map[string]any:
		return errors.New("a text is wanted, not a list or an object")
	}
	*t = text(expression.String(v))
	return nil
}

// whole is a number of 0 or more, also as an expression may yield it: as text.
type whole int

func (w *whole) UnmarshalJSON(raw []byte) error {
	var t text
	if err := t.UnmarshalJSON(raw); err != nil {
		return err
	}
	n, err := strconv.Atoi(orDefault(string(t), "0"))
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not a whole number of 0 or more", string(t))
	}
	*w = whole(n)
	return nil
}

// decodeWith evaluates every string of a step's with but those named in raw,
// which are scripts, and reads it into v. A string that is one expression keeps the type of its value.
func decodeWith(step protocol.Step, scope expression.Scope, v any, raw ...string) error {
	fields := map[string]any{}
	if len(step.With) > 0 {
		if err := json.Unmarshal(step.With, &fields); err != nil {
			return failed("InvalidStep", fmt.Errorf("with: %w", err))
		}
	}
	for name, value := range fields {
		if slices.Contains(raw, name) {
			continue
		}
		done, err := evaluate(value, scope)
		if err != nil {
			return failed("InvalidExpression", fmt.Errorf("with.%s: %w", name, err))
		}
		fields[name] = done
	}
	evaluated, err := json.Marshal(fields)
	if err != nil {
		return failed("InvalidStep", fmt.Errorf("with: %w", err))
	}
	d := json.NewDecoder(bytes.NewReader(evaluated))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return failed("InvalidStep", fmt.Errorf("with: %w", err))
	}
	return nil
}

// evaluate computes all strings within a JSON value.
func evaluate(value any, scope expression.Scope) (any, error) {
	switch value := value.(type) {
	case string:
		return evalString(value, scope)
	case []any:
		for i := range value {
			done, err := evaluate(value[i], scope)
			if err != nil {
				return nil, err
			}
			value[i] = done
		}
	case map[string]any:
		for name := range value {
			done, err := evaluate(value[name], scope)
			if err != nil {
				return nil, err
			}
			value[name] = done
		}
	}
	return value, nil
}

func evalString(source string, scope expression.Scope) (any, error) {
	template, err := expression.Parse(source)
	if err != nil {
		return nil, err
	}
	return template.Eval(scope)
}
