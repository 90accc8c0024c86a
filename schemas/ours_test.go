package schemas_test

import (
	"slices"
	"testing"

	v1 "github.com/powernode/powernode/api/v1"
)

// What a person reads who gets a manifest of one of our kinds wrong.
func TestMistakesInOurKinds(t *testing.T) {
	for rule, test := range map[string]struct {
		kind, doc string
		want      []string
	}{
		"no spec": {v1.Pipeline, "{}", []string{"spec: Required value"}},
		"a pipeline with a little of everything": {v1.Pipeline, `
metadata: {name: build, lables: {a: b}}
spec:
  timeoutMinutes: 1000
  concurrency: {policy: Wait}
  steps:
    - {name: one, type: custom, wiht: {run: make}}
    - {name: two, timeoutMinutes: soon}`,
			[]string{
				`unknown field "metadata.lables"`,
				`unknown field "spec.steps[0].wiht"`,
				`spec.concurrency.policy: Unsupported value: "Wait": supported values: "Queue", "Allow", "Forbid", "Replace"`,
				`spec.steps[1].type: Required value`,
				`spec.steps[1].timeoutMinutes: Invalid value: "soon": must be of type integer, not string`,
				`spec.timeoutMinutes: Invalid value: 1000: must be from 1 to 360`,
			}},
		"no steps":            {v1.Pipeline, "{spec: {steps: []}}", []string{"spec.steps: Too few: 0: must have at least 1 item"}},
		"a typed label":       {v1.Pipeline, "{metadata: {labels: {a: 1}}, spec: {steps: [{name: a, type: custom}]}}", []string{"metadata.labels[a]: Invalid value: 1: must be of type string, not integer"}},
		"an empty image":      {v1.ContainerInstance, `{spec: {hostRef: {name: local}, image: ""}}`, []string{`spec.image: Invalid value: "": must be at least 1 character long`, `spec.image: Invalid value: "": must match ^[^\s]+$`}},
		"no host to speak of": {v1.ContainerInstance, "{spec: {image: a}}", []string{"spec.hostRef: Required value"}},
	} {
		t.Run(rule, func(t *testing.T) {
			k := builtin(t, test.kind)
			doc := document(t, k, test.doc)
			got := k.Prune(doc)
			k.Default(doc)
			got = append(got, messages(k.Validate(doc, nil))...)
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n%q\nwant\n%q", got, test.want)
			}
		})
	}
}
