package runner

import (
	"fmt"
	"os"
	"strings"

	"github.com/powernode/powernode/api/expression"
	protocol "github.com/powernode/powernode/api/runner"
)

// environment is a list of variables in which a later one replaces an earlier.
type environment struct {
	names  []string
	values map[string]string
}

func (e *environment) set(name, value string) {
	if e.values == nil {
		e.values = map[string]string{}
	}
	if _, known := e.values[name]; !known {
		e.names = append(e.names, name)
	}
	e.values[name] = value
}

// list is the form that the system takes.
func (e *environment) list() []string {
	all := make([]string, 0, len(e.names))
	for _, name := range e.names {
		all = append(all, name+"="+e.values[name])
	}
	return all
}

// defaultPath is for a runner that was started without a PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func hostPath() string {
	if path := os.Getenv("PATH"); path != "" {
		return path
	}
	return defaultPath
}

// base is what every step starts from on the host: of the runner's own
// environment it holds PATH alone.
func (t *task) base() *environment {
	e := &environment{}
	e.set("PATH", hostPath())
	e.set("HOME", t.dir.path("home"))
	e.set("TMPDIR", t.dir.path("tmp"))
	e.set("LANG", "C.UTF-8")
	return e
}

// containerBase is what every step starts from in a container, whose PATH is the image's.
func containerBase() *environment {
	e := &environment{}
	e.set("HOME", containerIO+"/home")
	e.set("LANG", "C.UTF-8")
	return e
}

// addStep adds the step's own variables, evaluated in order: each sees those
// before it as env.NAME.
func (e *environment) addStep(step protocol.Step, secrets map[string]string, scope expression.Scope) error {
	seen := map[string]any{}
	scope.Contexts["env"] = seen
	for i, v := range step.Env {
		if v.Name == "" || strings.ContainsAny(v.Name, "=\x00") {
			return failed("InvalidStep", fmt.Errorf("env[%d].name: %q is not a name of a variable", i, v.Name))
		}
		value, given := secrets[v.Secret]
		if v.Secret != "" && !given {
			continue // optional, and not there
		}
		if v.Secret == "" {
			done, err := evalString(v.Value, scope)
			if err != nil {
				return failed("InvalidExpression", fmt.Errorf("env %s: %w", v.Name, err))
			}
			value = expression.String(done)
		}
		if strings.ContainsRune(value, 0) {
			return failed("InvalidStep", fmt.Errorf("env %s: a value can't hold a NUL byte", v.Name))
		}
		seen[v.Name] = value
		e.set(v.Name, value)
	}
	return nil
}

// addOurs adds what tells a step where it runs; a step can't replace these.
func (e *environment) addOurs(step protocol.Step, workspace, outputs string) {
	e.set("CI", "true")
	e.set("POWERNODE", "true")
	e.set("POWERNODE_RUN", step.Run)
	e.set("POWERNODE_STEP", step.Name)
	e.set("POWERNODE_WORKSPACE", workspace)
	e.set("POWERNODE_OUTPUT", outputs)
}
