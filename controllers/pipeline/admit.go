package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/flow"
)

// Admit checks what the schema can't say. Every problem has the path of its field.
func Admit(_ context.Context, req api.AdmissionRequest) field.ErrorList {
	spec := field.NewPath("spec")
	if wrong := laterTriggers(spec.Child("triggers"), req.New.Spec); len(wrong) > 0 {
		return wrong
	}
	a := admission{path: spec}
	if err := json.Unmarshal(req.New.Spec, &a.spec); err != nil {
		return field.ErrorList{field.Invalid(spec, field.OmitValueType{}, err.Error())}
	}
	a.all()
	return a.wrong
}

// admission collects what is wrong with one pipeline.
type admission struct {
	spec  v1.PipelineSpec
	path  *field.Path
	wrong field.ErrorList
}

func (a *admission) add(problems ...*field.Error) { a.wrong = append(a.wrong, problems...) }

func (a *admission) invalid(path *field.Path, value any, format string, args ...any) {
	a.add(field.Invalid(path, value, fmt.Sprintf(format, args...)))
}

func (a *admission) all() {
	a.inputs()
	a.schedules()
	a.names()
	a.graph()
	for i := range a.spec.Steps {
		a.step(i)
	}
	a.expressions()
}

// laterTriggers names triggers that are known but not yet available, before the rest is read.
func laterTriggers(path *field.Path, raw json.RawMessage) (wrong field.ErrorList) {
	var spec struct {
		Triggers map[string]json.RawMessage `json:"triggers"`
	}
	if json.Unmarshal(raw, &spec) != nil {
		return nil // reported with the whole
	}
	for _, name := range sortedKeys(spec.Triggers) {
		switch name {
		case "manual", "schedule":
		case "push", "pullRequest", "issue", "issueComment", "release":
			wrong = append(wrong, field.Forbidden(path.Child(name), "not yet available in this version; available: manual, schedule"))
		default:
			wrong = append(wrong, field.Forbidden(path.Child(name), "unknown trigger; available: manual, schedule"))
		}
	}
	return wrong
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,62}$`)

const identifierRule = "must start with a letter or _ and have only letters, digits, _ and -, at most 63 in all"

// names checks what expressions refer to: names must be well formed and unique.
func (a *admission) names() {
	seen := map[string]bool{}
	for i, s := range a.spec.Steps {
		a.name(a.path.Child("steps").Index(i).Child("name"), s.Name, seen)
	}
	seen = map[string]bool{}
	for i, s := range a.spec.SecretRefs {
		a.name(a.path.Child("secretRefs").Index(i).Child("name"), s.Name, seen)
	}
	a.env(a.path.Child("env"), a.spec.Env)
	for i, s := range a.spec.Steps {
		step := a.path.Child("steps").Index(i)
		a.env(step.Child("env"), s.Env)
		seen := map[string]bool{}
		for j, output := range s.Outputs {
			a.name(step.Child("outputs").Index(j), output, seen)
		}
	}
}

func (a *admission) name(path *field.Path, name string, seen map[string]bool) {
	if !identifier.MatchString(name) {
		a.invalid(path, name, identifierRule)
	}
	if seen[name] {
		a.add(field.Duplicate(path, name))
	}
	seen[name] = true
}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (a *admission) env(path *field.Path, env []v1.EnvVar) {
	seen := map[string]bool{}
	for i, v := range env {
		at := path.Index(i)
		if !variable.MatchString(v.Name) {
			a.invalid(at.Child("name"), v.Name, "must start with a letter or _ and have only letters, digits and _")
		}
		if seen[v.Name] {
			a.add(field.Duplicate(at.Child("name"), v.Name))
		}
		seen[v.Name] = true
	}
}

func names(steps []v1.Step) (names []string) {
	for _, s := range steps {
		names = append(names, s.Name)
	}
	return names
}

// graph checks that steps wait for steps that there are, and not for each other.
func (a *admission) graph() {
	for i, s := range a.spec.Steps {
		if s.Needs == nil {
			continue
		}
		path := a.path.Child("steps").Index(i).Child("needs")
		seen := map[string]bool{}
		for j, name := range *s.Needs {
			switch {
			case flow.Index(a.spec.Steps, name) < 0:
				a.add(field.NotSupported(path.Index(j), name, names(a.spec.Steps)))
			case name == s.Name:
				a.invalid(path.Index(j), name, "a step can't need itself")
			case seen[name]:
				a.add(field.Duplicate(path.Index(j), name))
			}
			seen[name] = true
		}
	}
	if cycle := flow.Cycle(a.spec.Steps); cycle != nil {
		i := flow.Index(a.spec.Steps, cycle[0])
		a.invalid(a.path.Child("steps").Index(i).Child("needs"), cycle[0], "the steps wait for each other: %s", arrows(cycle))
	}
}
