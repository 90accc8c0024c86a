package main

import (
	"strings"
	"testing"

	v1 "github.com/powernode/powernode/api/v1"
)

func TestParseInputs(t *testing.T) {
	declared := map[string]v1.Input{
		"count": {Type: "number"}, "fast": {Type: "boolean"}, "level": {Type: "choice", Options: []string{"1", "2"}},
		"text": {Type: "string"}, "untyped": {},
	}
	for parameter, want := range map[string]string{
		"count=3":                `3`,
		"count=-2.5e3":           `-2.5e3`,
		"count=9007199254740993": `9007199254740993`, // more than a float64 holds
		"fast=true":              `true`,
		"level=1":                `"1"`,
		"text=3":                 `"3"`,
		"text=":                  `""`,
		"text=a=b \"c\"":         `"a=b \"c\""`,
		"untyped=true":           `"true"`,
		"undeclared=1":           `"1"`,
		"count=three":            "error: the input is a number",
		"count=0x10":             "error: the input is a number",
		"count=NaN":              "error: the input is a number",
		"count=":                 "error: the input is a number",
		"fast=yes":               "error: the input is a boolean",
		"no-value":               "error: write it as NAME=VALUE",
		"=x":                     "error: write it as NAME=VALUE",
	} {
		inputs, err := parseInputs([]string{parameter}, declared)
		name, _, _ := strings.Cut(parameter, "=")
		if wanted, isError := strings.CutPrefix(want, "error: "); isError {
			if err == nil || !strings.Contains(err.Error(), wanted) || !strings.Contains(err.Error(), parameter) {
				t.Errorf("-p %s: error %v, want one that says %q", parameter, err, wanted)
			}
		} else if err != nil || string(inputs[name]) != want {
			t.Errorf("-p %s: %s, %v; want %s", parameter, inputs[name], err, want)
		}
	}
	if _, err := parseInputs([]string{"text=a", "text=b"}, declared); err == nil {
		t.Error("an input that was given twice was accepted")
	}
}
