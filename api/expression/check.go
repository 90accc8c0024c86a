package expression

import (
	"fmt"
	"slices"
	"strings"
)

// Env says what the expressions of one place may refer to.
type Env struct {
	// Contexts that there are, by lower-case name, each with the names that it knows. nil
	// knows any name (trigger, whose event nobody foresees). steps is described by Steps instead.
	Contexts map[string][]string
	// Steps are all steps of the pipeline by name.
	Steps map[string]StepInfo
	// Denied says why something can't be used here: a context ("secrets"), a member
	// ("env.TOKEN") or a function ("hashfiles"), in lower case.
	Denied map[string]string
}

// StepInfo is what is known of a step before it runs.
type StepInfo struct {
	Outputs []string
	Before  bool // has ended for sure when the expression is evaluated
}

// stepMembers is what there is of a step. result and outcome are how it ended,
// conclusion the same but success where the step may fail (continueOnError).
var stepMembers = []string{"conclusion", "outcome", "outputs", "result"}

// Check finds what is wrong with a template before anything runs: names that
// there are not, calls with a wrong number of arguments, steps that come later.
func Check(t *Template, env Env) []*Problem {
	var found []*Problem
	for _, p := range t.parts {
		if p.expr == nil {
			continue
		}
		walk(p.expr, func(n node) bool {
			complaint := env.complaint(n)
			if complaint != "" {
				found = append(found, &Problem{position(t.source, n.offset()), complaint})
			}
			return true
		})
	}
	return found
}

func (env Env) complaint(n node) string {
	if c, is := n.(*call); is {
		return env.function(c)
	}
	if ref, is := reference(n); is {
		return env.reference(ref)
	}
	return ""
}

func (env Env) function(c *call) string {
	f, known := functions()[strings.ToLower(c.name)]
	if !known {
		return unknownFunction(c.name)
	}
	if reason := env.Denied[strings.ToLower(c.name)]; reason != "" {
		return f.name + " can't be used here: " + reason
	}
	return f.arity(c)
}

func (env Env) reference(ref Reference) string {
	if reason := env.Denied[ref.Context]; reason != "" {
		return ref.Context + " can't be used here: " + reason
	}
	names, known := env.Contexts[ref.Context]
	switch {
	case ref.Context == "steps" && env.Steps != nil:
		return env.step(ref)
	case !known:
		return fmt.Sprintf("unknown name %q; the contexts are %s", ref.Context, strings.Join(env.contexts(), ", "))
	case len(ref.Path) == 0:
		return ""
	}
	if reason := env.Denied[ref.Context+"."+strings.ToLower(ref.Path[0])]; reason != "" {
		return ref.Context + "." + ref.Path[0] + " can't be used here: " + reason
	}
	if names == nil || has(names, ref.Path[0]) {
		return ""
	}
	return fmt.Sprintf("unknown %s.%s; %s", ref.Context, ref.Path[0], declared(ref.Context, names))
}

// declared tells what a context has, and where more of it is written down.
func declared(context string, names []string) string {
	where := map[string]string{
		"inputs":   "spec.triggers.manual.inputs declares",
		"secrets":  "spec.secretRefs declares",
		"features": "spec.features declares",
		"env":      "env declares",
	}[context]
	if where == "" {
		where = context + " has"
	}
	return where + " " + list(names)
}

func (env Env) contexts() []string {
	names := sortedNames(env.Contexts)
	if env.Steps != nil {
		names = append(names, "steps")
	}
	names = slices.DeleteFunc(names, func(n string) bool { return env.Denied[n] != "" })
	slices.Sort(names)
	return names
}

func (env Env) step(ref Reference) string {
	if len(ref.Path) == 0 {
		return ""
	}
	name := ref.Path[0]
	info, known := lookupStep(env.Steps, name)
	switch {
	case !known:
		return fmt.Sprintf("unknown step %q; the steps are %s", name, list(sortedNames(env.Steps)))
	case !info.Before:
		return fmt.Sprintf("step %q does not run before this one; name it in needs", name)
	case len(ref.Path) > 1 && !has(stepMembers, ref.Path[1]):
		return fmt.Sprintf("a step has no %q; it has %s", ref.Path[1], list(stepMembers))
	case len(ref.Path) > 2 && strings.EqualFold(ref.Path[1], "outputs") && !has(info.Outputs, ref.Path[2]):
		return fmt.Sprintf("step %q declares no output %q; its outputs are %s", name, ref.Path[2], list(info.Outputs))
	}
	return ""
}

func lookupStep(steps map[string]StepInfo, name string) (StepInfo, bool) {
	if info, known := steps[name]; known {
		return info, true
	}
	for _, n := range sortedNames(steps) {
		if strings.EqualFold(n, name) {
			return steps[n], true
		}
	}
	return StepInfo{}, false
}

func has(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

// list is names in order for people, "none" when there are none.
func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(slices.Values(names)), ", ")
}
