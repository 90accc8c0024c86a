package runner

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/powernode/powernode/api/expression"
	protocol "github.com/powernode/powernode/api/runner"
)

// The configuration of each type of step, evaluated.
type (
	checkoutWith struct {
		Repository string `json:"repository"`
		Ref        string `json:"ref"`
		Depth      int    `json:"depth"`
		Path       string `json:"path"`
	}
	// scriptWith is that of custom (run) and of run_tests (command).
	scriptWith struct {
		Run              string `json:"run"`
		Command          string `json:"command"`
		Shell            string `json:"shell"`
		WorkingDirectory string `json:"workingDirectory"`
	}
	uploadWith struct {
		Name           string   `json:"name"`
		Path           patterns `json:"path"`
		IfNoFilesFound string   `json:"ifNoFilesFound"` // error, warn, ignore
	}
	downloadWith struct {
		Name string `json:"name"`
		Path string `json:"path"`
	}
)

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
		if contains(raw, name) {
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

func contains(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return false
}
