package pipeline

import (
	"encoding/json"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/powernode/powernode/api/expression"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/flow"
)

// expressions checks every string that may hold some.
func (a *admission) expressions() {
	before := flow.Before(a.spec.Steps)
	run := a.known(nil, nil)
	a.template(a.path.Child("concurrency", "group"), a.spec.Concurrency.Group, deny(run, "it is evaluated before any step runs", "steps", "secrets", "env"))
	if r := a.spec.Repository; r != nil {
		env := deny(run, "the repository is the same for all steps", "steps", "env", "hashfiles")
		a.template(a.path.Child("repository", "url"), r.URL, env)
		a.template(a.path.Child("repository", "ref"), r.Ref, env)
	}
	for i, v := range a.spec.Env {
		env := deny(a.known(nil, a.spec.Env), "the pipeline's variables are the same for all steps", "steps")
		a.template(a.path.Child("env").Index(i).Child("value"), v.Value, env)
	}
	for i, s := range a.spec.Steps {
		a.stepExpressions(a.path.Child("steps").Index(i), s, before[i])
	}
}

func (a *admission) stepExpressions(path *field.Path, s v1.Step, before []int) {
	variables := append(slices.Clone(a.spec.Env), s.Env...)
	known := a.known(before, variables)
	for i, v := range s.Env {
		a.template(path.Child("env").Index(i).Child("value"), v.Value, known)
	}
	a.template(path.Child("image"), s.Image, deny(known, "the image is chosen before the step has them", "secrets", "env", "hashfiles"))
	a.condition(path.Child("if"), s.If, known, variables)
	var with map[string]any
	if json.Unmarshal(s.With, &with) != nil {
		return // reported with the configuration
	}
	for _, name := range sortedKeys(with) {
		a.configuration(path.Child("with", name), with[name], known)
	}
	a.scripts(path.Child("with"), s, with)
}

// configuration checks the strings of a value at any depth.
func (a *admission) configuration(path *field.Path, v any, env expression.Env) {
	switch v := v.(type) {
	case string:
		a.template(path, v, env)
	case []any:
		for i, item := range v {
			a.configuration(path.Index(i), item, env)
		}
	case map[string]any:
		for _, name := range sortedKeys(v) {
			a.configuration(path.Child(name), v[name], env)
		}
	}
}

func (a *admission) template(path *field.Path, source string, env expression.Env) {
	t, err := expression.Parse(source)
	if err != nil {
		a.invalid(path, source, "%s", err)
		return
	}
	for _, name := range []string{"success", "failure", "cancelled", "always"} {
		env = deny(env, "it tells how earlier steps went, which only an if can ask", name)
	}
	a.problems(path, source, expression.Check(t, env))
}

func (a *admission) problems(path *field.Path, source string, problems []*expression.Problem) {
	for _, p := range problems {
		a.invalid(path, source, "%s", p)
	}
}

// condition checks an if, which the controller evaluates: it has no secret and no workspace.
func (a *admission) condition(path *field.Path, source string, env expression.Env, variables []v1.EnvVar) {
	c, err := expression.ParseCondition(source)
	if err != nil {
		a.invalid(path, source, "%s", err)
		return
	}
	env = deny(env, "a condition would give their values away", "secrets")
	env = deny(env, "a condition is evaluated without a workspace", "hashfiles")
	for _, v := range variables {
		t, err := expression.Parse(v.Value)
		if v.ValueFrom != nil || err == nil && (t.Calls("hashFiles") || mentions(t, "secrets")) {
			env = deny(env, "its value comes from a secret, a config map or the workspace", "env."+strings.ToLower(v.Name))
		}
	}
	a.problems(path, source, expression.Check(&c.Template, env))
}

func mentions(t *expression.Template, context string) bool {
	return slices.ContainsFunc(t.References(), func(r expression.Reference) bool { return r.Context == context })
}

// scripts checks that the expressions of a script can be bound to variables.
func (a *admission) scripts(path *field.Path, s v1.Step, with map[string]any) {
	name := map[string]string{flow.RunTests: "command", flow.Custom: "run"}[s.Type]
	source, is := with[name].(string)
	if !is {
		return
	}
	t, err := expression.Parse(source)
	if err != nil {
		return // reported
	}
	shell, _ := with["shell"].(string)
	if _, _, err := expression.Script(t, shell); err != nil {
		a.invalid(path.Child(name), source, "%s", err)
	}
}

// known is what a step's expressions may refer to, given the steps before it.
func (a *admission) known(before []int, variables []v1.EnvVar) expression.Env {
	steps := map[string]expression.StepInfo{}
	for i, s := range a.spec.Steps {
		steps[s.Name] = expression.StepInfo{Outputs: flow.Outputs(s.Type, s.Outputs), Before: slices.Contains(before, i)}
	}
	names := []string{}
	for _, v := range variables {
		names = append(names, v.Name)
	}
	secrets := []string{}
	for _, s := range a.spec.SecretRefs {
		secrets = append(secrets, s.Name)
	}
	return expression.Env{
		Steps: steps,
		Contexts: map[string][]string{
			"trigger": {"type", "actor", "event"}, "inputs": sortedKeys(flow.Declared(&a.spec)), "env": names, "secrets": secrets,
			"features": sortedKeys(a.spec.Features),
			"pipeline": {"name", "namespace", "type", "uid", "generation"},
			"run":      {"name", "namespace", "uid", "number"},
		},
	}
}

// deny is env without some names, and why.
func deny(env expression.Env, why string, names ...string) expression.Env {
	denied := map[string]string{}
	for name, reason := range env.Denied {
		denied[name] = reason
	}
	for _, name := range names {
		denied[name] = why
	}
	env.Denied = denied
	return env
}

func arrows(names []string) string { return strings.Join(names, " -> ") }
