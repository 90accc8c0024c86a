package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	v1 "github.com/powernode/powernode/api/v1"
)

// parseInputs reads NAME=VALUE parameters as what the pipeline declares them to
// be: numbers and booleans are told apart from strings. What is not declared is a
// string; the server refuses it, and knows better why.
func parseInputs(parameters []string, declared map[string]v1.Input) (map[string]json.RawMessage, error) {
	inputs := map[string]json.RawMessage{}
	for _, parameter := range parameters {
		name, text, found := strings.Cut(parameter, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("-p %s: write it as NAME=VALUE", parameter)
		}
		if _, twice := inputs[name]; twice {
			return nil, fmt.Errorf("-p %s: the input %s was given twice", parameter, name)
		}
		value, err := parseInput(text, declared[name].Type)
		if err != nil {
			return nil, fmt.Errorf("-p %s: %w", parameter, err)
		}
		inputs[name] = value
	}
	return inputs, nil
}

func parseInput(text, kind string) (json.RawMessage, error) {
	switch kind {
	case "number":
		if _, err := strconv.ParseFloat(text, 64); err != nil || !json.Valid([]byte(text)) {
			return nil, fmt.Errorf("the input is a number, and %q is none", text)
		}
		return json.RawMessage(text), nil
	case "boolean":
		if text != "true" && text != "false" {
			return nil, fmt.Errorf("the input is a boolean: true or false, not %q", text)
		}
		return json.RawMessage(text), nil
	}
	return json.Marshal(text)
}
