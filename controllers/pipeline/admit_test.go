package pipeline

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile/reconciletest"
)

// admit is what admission says to a spec in YAML, one problem a line.
func admit(t *testing.T, name, spec string) string {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(spec))
	if err != nil {
		t.Fatal(err)
	}
	obj := reconciletest.Object("Pipeline.powernode.io", "default/"+name, json.RawMessage(raw))
	var lines []string
	for _, err := range Admit(t.Context(), api.AdmissionRequest{New: obj}) {
		lines = append(lines, err.Error())
	}
	return strings.Join(lines, "\n")
}

const step = "steps: [{name: a, type: custom, with: {run: 'true'}}]\n"

// steps is a pipeline of custom steps, each with the fields that are given.
func steps(fields ...string) string {
	var b strings.Builder
	b.WriteString("steps:\n")
	for _, f := range fields {
		b.WriteString("- {type: custom, with: {run: 'true'}, " + f + "}\n")
	}
	return b.String()
}

func TestBadPipelines(t *testing.T) {
	const types = "available: checkout, run_tests, custom, upload_artifact, download_artifact"
	for _, test := range []struct{ what, spec, want string }{
		{"a later type of step", "steps: [{name: a, type: deploy}]",
			`spec.steps[0].type: Unsupported value: "deploy": not yet available in this version; ` + types},
		{"no type of step", "steps: [{name: a, type: magic}]",
			`spec.steps[0].type: Unsupported value: "magic": unknown type of step; ` + types},
		{"a later trigger", step + "triggers: {push: {branches: [main]}}",
			`spec.triggers.push: Forbidden: not yet available in this version; available: manual, schedule`},
		{"no trigger", step + "triggers: {webhook: {}}",
			`spec.triggers.webhook: Forbidden: unknown trigger; available: manual, schedule`},
		{"a cycle", steps("name: a, needs: [c]", "name: b", "name: c"),
			`spec.steps[0].needs: Invalid value: "a": the steps wait for each other: a -> c -> b -> a`},
		{"a need of itself", steps("name: a, needs: [a]"), `spec.steps[0].needs[0]: Invalid value: "a": a step can't need itself`},
		{"an unknown need", steps("name: a", "name: b, needs: [z]"), `spec.steps[1].needs[0]: Unsupported value: "z": supported values: "a", "b"`},
		{"a need twice", steps("name: a", "name: b, needs: [a, a]"), `spec.steps[1].needs[1]: Duplicate value: "a"`},
		{"a name twice", steps("name: a", "name: a"), `spec.steps[1].name: Duplicate value: "a"`},
		{"a bad name", steps("name: 1a"), `spec.steps[0].name: Invalid value: "1a": ` + identifierRule},
		{"a wrong cron line", step + "triggers: {schedule: [{cron: 61 * * * *}]}",
			`spec.triggers.schedule[0].cron: Invalid value: "61 * * * *": end of range (61) above maximum (59): 61; a cron line has five fields (minute, hour, day of month, month, day of week) or is @hourly, @daily, @weekly, @monthly or @yearly`},
		{"a date that never comes", step + "triggers: {schedule: [{cron: 0 0 30 2 *}]}",
			`spec.triggers.schedule[0].cron: Invalid value: "0 0 30 2 *": it never comes: there is no such date`},
		{"no fixed times", step + "triggers: {schedule: [{cron: '@every 5m'}]}",
			`spec.triggers.schedule[0].cron: Invalid value: "@every 5m": @every has no fixed times; write a cron line, such as */15 * * * * for every 15 minutes`},
		{"a time zone in the line", step + "triggers: {schedule: [{cron: 'TZ=Asia/Tokyo 0 1 * * *'}]}",
			`spec.triggers.schedule[0].cron: Invalid value: "TZ=Asia/Tokyo 0 1 * * *": the time zone stands in timezone, not in the cron line`},
		{"a wrong time zone", step + "triggers: {schedule: [{cron: '@daily', timezone: Mars/Olympus}]}",
			`spec.triggers.schedule[0].timezone: Invalid value: "Mars/Olympus": unknown time zone; give a name like Europe/Berlin, or UTC`},
		{"a schedule without an input", step + "triggers: {manual: {inputs: {who: {required: true}}}, schedule: [{cron: '@daily'}]}",
			`spec.triggers.schedule[0].inputs.who: Required value: the pipeline can't run without it`},
		{"a wrong default", step + "triggers: {manual: {inputs: {num: {type: number, default: x}}}}",
			`spec.triggers.manual.inputs[num].default: Invalid value: "x": must be a number, written without quotes`},
		{"a default that is no option", step + "triggers: {manual: {inputs: {num: {type: choice, options: [a], default: b}}}}",
			`spec.triggers.manual.inputs[num].default: Unsupported value: "b": supported values: "a"`},
		{"a wrong pattern", step + "triggers: {manual: {inputs: {num: {pattern: '('}}}}",
			"spec.triggers.manual.inputs[num].pattern: Invalid value: \"(\": error parsing regexp: missing closing ): `(`"},
		{"a checkout of nothing", "steps: [{name: a, type: checkout}]",
			`spec.steps[0].with.repository: Required value: the pipeline has no spec.repository, so the step has to say what it checks out`},
		{"no command", "steps: [{name: a, type: run_tests}]", `spec.steps[0].with.command: Required value: run_tests needs it`},
		{"an unknown setting", "steps: [{name: a, type: custom, with: {run: x, rum: y}}]",
			`spec.steps[0].with.rum: Forbidden: unknown field; custom has run, shell, workingDirectory`},
		{"a wrong type of setting", "steps: [{name: a, type: checkout, with: {repository: x, depth: -1}}]",
			`spec.steps[0].with.depth: Invalid value: -1: must be a whole number: how many commits of the history to fetch, 0 for all`},
		{"a wrong choice", "steps: [{name: a, type: upload_artifact, with: {name: out, path: p, ifNoFilesFound: panic}}]",
			`spec.steps[0].with.ifNoFilesFound: Unsupported value: "panic": supported values: "error", "warn", "ignore"`},
		{"no path", "steps: [{name: a, type: upload_artifact, with: {name: out, path: []}}]",
			`spec.steps[0].with.path: Invalid value: []: must have at least one path`},
		{"an artifact's name", "steps: [{name: a, type: download_artifact, with: {name: ../x}}]",
			`spec.steps[0].with.name: Invalid value: "../x": must start with a letter or digit and have only letters, digits, '.', '_' and '-', at most 128 in all`},
		{"a variable's name", step + "env: [{name: a-b, value: x}]",
			`spec.env[0].name: Invalid value: "a-b": must start with a letter or _ and have only letters, digits and _`},
	} {
		if got := admit(t, "p", test.spec); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.what, got, test.want)
		}
	}
}

func TestBadExpressions(t *testing.T) {
	const base = "features: {sign: true}\nsecretRefs: [{name: TOKEN, secretKeyRef: {name: s, key: k}}]\n" +
		"triggers: {manual: {inputs: {who: {}}}}\nenv: [{name: SAFE, value: x}, {name: SECRET, value: '${{ secrets.TOKEN }}'}]\n" +
		"steps:\n- {name: a, type: custom, outputs: [x], with: {run: 'true'}}\n- {name: c, type: custom, needs: [], with: {run: 'true'}}\n"
	for _, test := range []struct{ step, want string }{
		{"- {name: b, type: custom, needs: [a], env: [{name: V, value: '${{ nope.x }}'}], with: {run: x}}",
			`spec.steps[2].env[0].value: Invalid value: "${{ nope.x }}": column 5: unknown name "nope"; the contexts are env, features, inputs, pipeline, run, secrets, steps, trigger`},
		{"- {name: b, type: custom, with: {run: 'echo ${{ upper(inputs.who) }}'}}",
			`spec.steps[2].with.run: Invalid value: "echo ${{ upper(inputs.who) }}": column 10: unknown function "upper"; the functions are always, cancelled, contains, endsWith, failure, format, fromJSON, hashFiles, join, slugify, startsWith, success, toJSON`},
		{"- {name: b, type: custom, with: {run: 'echo ${{ contains(inputs.who) }}'}}",
			`spec.steps[2].with.run: Invalid value: "echo ${{ contains(inputs.who) }}": column 10: contains takes 2 arguments, not 1`},
		{"- {name: b, type: custom, with: {run: 'echo ${{ steps.z.outputs.x }}'}}",
			`spec.steps[2].with.run: Invalid value: "echo ${{ steps.z.outputs.x }}": column 10: unknown step "z"; the steps are a, b, c`},
		{"- {name: b, type: custom, needs: [c], with: {run: 'echo ${{ steps.a.outputs.x }}'}}",
			`spec.steps[2].with.run: Invalid value: "echo ${{ steps.a.outputs.x }}": column 10: step "a" does not run before this one; name it in needs`},
		{"- {name: b, type: custom, needs: [a], with: {run: 'echo ${{ steps.a.outputs.y }}'}}",
			`spec.steps[2].with.run: Invalid value: "echo ${{ steps.a.outputs.y }}": column 10: step "a" declares no output "y"; its outputs are x`},
		{"- {name: b, type: custom, needs: [a], with: {run: 'echo ${{ steps.a.stdout }}'}}",
			`spec.steps[2].with.run: Invalid value: "echo ${{ steps.a.stdout }}": column 10: a step has no "stdout"; it has conclusion, outcome, outputs, result`},
		{"- {name: b, type: custom, with: {run: 'echo ${{ inputs.whom }}'}}",
			`spec.steps[2].with.run: Invalid value: "echo ${{ inputs.whom }}": column 10: unknown inputs.whom; spec.triggers.manual.inputs declares who`},
		{"- {name: b, type: custom, with: {run: 'echo ${{ secrets.PASSWORD }}'}}",
			`spec.steps[2].with.run: Invalid value: "echo ${{ secrets.PASSWORD }}": column 10: unknown secrets.PASSWORD; spec.secretRefs declares TOKEN`},
		{"- {name: b, type: custom, if: \"secrets.TOKEN != ''\", with: {run: x}}",
			`spec.steps[2].if: Invalid value: "secrets.TOKEN != ''": column 1: secrets can't be used here: a condition would give their values away`},
		{"- {name: b, type: custom, if: \"env.SECRET == 'x'\", with: {run: x}}",
			`spec.steps[2].if: Invalid value: "env.SECRET == 'x'": column 1: env.SECRET can't be used here: its value comes from a secret, a config map or the workspace`},
		{"- {name: b, type: custom, if: \"env.SAFE == 'x' && features.sign\", with: {run: x}}", ""},
		{"- {name: b, type: custom, if: \"features.sing\", with: {run: x}}",
			`spec.steps[2].if: Invalid value: "features.sing": column 1: unknown features.sing; spec.features declares sign`},
		{"- {name: b, type: custom, if: \"a ==\", with: {run: x}}",
			`spec.steps[2].if: Invalid value: "a ==": column 5: found the end of the expression where a value is expected`},
		{"- {name: b, type: custom, with: {run: 'echo ${{ success() }}'}}",
			`spec.steps[2].with.run: Invalid value: "echo ${{ success() }}": column 10: success can't be used here: it tells how earlier steps went, which only an if can ask`},
		{"- {name: b, type: custom, with: {run: 'echo ${{ inputs.who'}}",
			`spec.steps[2].with.run: Invalid value: "echo ${{ inputs.who": column 20: the expression is not closed by }}`},
		{"- {name: b, type: custom, with: {run: 'echo `echo ${{ inputs.who }}`'}}",
			"spec.steps[2].with.run: Invalid value: \"echo `echo ${{ inputs.who }}`\": column 12: an expression can't stand within backquotes: give its value a name in env, and use the variable here"},
		{"- {name: b, type: custom, with: {shell: python3, run: 'print(${{ inputs.who }})'}}",
			`spec.steps[2].with.run: Invalid value: "print(${{ inputs.who }})": column 7: an expression can't stand in a script for python3: give its value a name in env, and use the variable here`},
		{"- {name: b, type: upload_artifact, with: {name: out, path: ['a', '${{ x }}']}}",
			`spec.steps[2].with.path[1]: Invalid value: "${{ x }}": column 5: unknown name "x"; the contexts are env, features, inputs, pipeline, run, secrets, steps, trigger`},
		{"- {name: b, type: custom, image: '${{ secrets.TOKEN }}', with: {run: x}}",
			`spec.steps[2].image: Invalid value: "${{ secrets.TOKEN }}": column 5: secrets can't be used here: the image is chosen before the step has them`},
	} {
		if got := admit(t, "p", base+test.step); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.step, got, test.want)
		}
	}
	got := admit(t, "p", step+"concurrency: {group: '${{ steps.a.result }}'}")
	if got != `spec.concurrency.group: Invalid value: "${{ steps.a.result }}": column 5: steps can't be used here: it is evaluated before any step runs` {
		t.Error(got)
	}
}

func TestTheExamplesAreAdmitted(t *testing.T) {
	for _, file := range []string{"pipeline.yaml", "quickstart/4-pipeline.yaml"} {
		raw, err := os.ReadFile("../../examples/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, obj := range reconciletest.YAML(t, string(raw)) {
			if wrong := Admit(t.Context(), api.AdmissionRequest{New: obj}); obj.Kind == "Pipeline" && len(wrong) > 0 {
				t.Errorf("%s: %v", file, wrong.ToAggregate())
			}
		}
	}
}
