package pipelinerun

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/reconcile/reconciletest"
)

const withInputs = `
triggers:
  manual:
    inputs:
      branch: {default: main, pattern: "[a-z]+"}
      count: {type: number}
      dry: {type: boolean, default: true}
      level: {type: choice, options: [quick, full]}
      who: {required: true}
` + "steps: [{name: a, type: custom, with: {run: 'true'}}]"

// admit is what admission says to a new run, one problem a line.
func (b *bench) admit(spec string) (*api.Object, string) {
	b.t.Helper()
	obj := reconciletest.Object(v1.PipelineRun, "default/r", json.RawMessage(spec))
	var lines []string
	for _, err := range Admit(b.t.Context(), api.AdmissionRequest{New: obj, Objects: b.Store}) {
		lines = append(lines, err.Error())
	}
	return obj, strings.Join(lines, "\n")
}

func TestInputsOfANewRun(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", withInputs)
		b.pipeline("asleep", "suspended: true\nsteps: []")
		for inputs, want := range map[string]string{
			`{"who":"ada"}`:               "",
			`{}`:                          `spec.inputs.who: Required value: the pipeline can't run without it`,
			`{"who":7}`:                   `spec.inputs.who: Invalid value: "7": must be a string`,
			`{"who":"a","count":"three"}`: `spec.inputs.count: Invalid value: "three": must be a number, written without quotes`,
			`{"who":"a","dry":"yes"}`:     `spec.inputs.dry: Invalid value: "yes": must be true or false, written without quotes`,
			`{"who":"a","level":"none"}`:  `spec.inputs.level: Unsupported value: "none": supported values: "quick", "full"`,
			`{"who":"a","branch":"A1"}`:   `spec.inputs.branch: Invalid value: "A1": must match the pattern [a-z]+`,
			`{"who":"a","brunch":"x"}`:    `spec.inputs.brunch: Invalid value: "x": the pipeline declares no such input; it declares branch, count, dry, level, who`,
		} {
			if _, got := b.admit(`{"pipelineRef":{"name":"p"},"inputs":` + inputs + `}`); got != want {
				t.Errorf("%s\n got %s\nwant %s", inputs, got, want)
			}
		}
		for spec, want := range map[string]string{
			`{"pipelineRef":{"name":"none"}}`:   `spec.pipelineRef.name: Not found: "none"`,
			`{"pipelineRef":{"name":"asleep"}}`: `spec.pipelineRef.name: Forbidden: pipeline "asleep" is suspended; set its spec.suspended to false first`,
			`{"pipelineRef":{"name":"p"},"inputs":{"who":"a"},"pipeline":{"uid":"x","generation":1,"spec":{"steps":[]}}}`: `spec.pipeline: Forbidden: the server sets it to the pipeline's spec at creation; leave it out`,
		} {
			if _, got := b.admit(spec); got != want {
				t.Errorf("%s\n got %s\nwant %s", spec, got, want)
			}
		}
	})
}

func TestANewRunIsPinnedAndCompleted(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", withInputs)
		obj, wrong := b.admit(`{"pipelineRef":{"name":"p"},"inputs":{"who":"ada","count":3}}`)
		if wrong != "" {
			t.Fatal(wrong)
		}
		var spec v1.PipelineRunSpec
		if err := json.Unmarshal(obj.Spec, &spec); err != nil {
			t.Fatal(err)
		}
		inputs, _ := json.Marshal(spec.Inputs)
		if string(inputs) != `{"branch":"main","count":3,"dry":true,"who":"ada"}` || spec.Trigger.Type != "manual" {
			t.Errorf("%s %+v", inputs, spec.Trigger)
		}
		pipeline := b.Object(v1.Pipeline, "default/p")
		if p := spec.Pipeline; p == nil || p.UID != string(pipeline.UID) || p.Generation != 1 || len(p.Spec.Steps) != 1 {
			t.Errorf("%+v", p)
		}
		if o := obj.OwnerReferences; len(o) != 1 || o[0].UID != pipeline.UID || obj.Labels[v1.LabelPipeline] != "p" {
			t.Errorf("%+v %v", o, obj.Labels)
		}
	})
}

func TestOnlyCancelMayChange(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", withInputs)
		first, _ := b.admit(`{"pipelineRef":{"name":"p"},"inputs":{"who":"ada"}}`)
		for _, test := range []struct{ spec, want string }{
			{`{"pipelineRef":{"name":"p"},"inputs":{"who":"ada"}}`, ""}, // the manifest again
			{`{"pipelineRef":{"name":"p"},"inputs":{"who":"bob"}}`, "spec.inputs: Forbidden: only spec.cancel of a run may change; create a new run instead"},
			{`{"pipelineRef":{"name":"q"},"inputs":{"who":"ada"}}`, "spec.pipelineRef: Forbidden: only spec.cancel of a run may change; create a new run instead"},
			{`{"pipelineRef":{"name":"p"},"inputs":{"who":"ada"},"trigger":{"type":"schedule"}}`, "spec.trigger: Forbidden: only spec.cancel of a run may change; create a new run instead"},
			{`{"pipelineRef":{"name":"p"},"inputs":{"who":"ada"},"cancel":true}`, ""},
		} {
			next := first.Clone()
			next.Labels, next.OwnerReferences = nil, nil
			next.Spec = json.RawMessage(test.spec)
			wrong := Admit(t.Context(), api.AdmissionRequest{Old: first, New: next, Objects: b.Store})
			got := ""
			if len(wrong) > 0 {
				got = wrong.ToAggregate().Error()
			} else if next.Labels[v1.LabelPipeline] != "p" || len(next.OwnerReferences) != 1 {
				t.Errorf("%s: the run has lost its marks", test.spec)
			}
			if got != test.want {
				t.Errorf("%s\n got %s\nwant %s", test.spec, got, test.want)
			}
		}
	})
}
