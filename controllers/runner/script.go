package runner

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/powernode/powernode/api/expression"
	v1 "github.com/powernode/powernode/api/v1"
)

func (t *task) planScript(p *plan, env *environment, scope expression.Scope, inContainer bool) error {
	step := t.record.Step
	var with scriptWith
	if err := decodeWith(step, scope, &with, "run", "command"); err != nil {
		return err
	}
	field, source := "run", with.Run
	if step.Type == "run_tests" {
		field, source = "command", with.Command
	}
	script, err := bind(source, string(with.Shell), env, scope)
	if err != nil {
		return failed("InvalidExpression", fmt.Errorf("with.%s: %w", field, err))
	}
	if strings.TrimSpace(script) == "" {
		return failed("InvalidStep", fmt.Errorf("with.%s: there is nothing to run", field))
	}
	if err := os.WriteFile(t.dir.script(), []byte(script), 0o644); err != nil {
		return err
	}
	dir, err := t.workingDirectory(string(with.WorkingDirectory))
	if err != nil {
		return err
	}
	if inContainer {
		return t.planContainer(p, env, with)
	}
	env.addOurs(step, t.space.files(), t.dir.outputs())
	p.Env = env.list()
	p.Command = &commandPlan{Argv: interpreter(string(with.Shell), t.dir.script()), Dir: dir}
	return nil
}

func (t *task) workingDirectory(path string) (string, error) {
	dir, err := confined(t.space.files(), path)
	if err != nil {
		return "", failed("NoSuchPath", fmt.Errorf("with.workingDirectory: %w", err))
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", failed("NoSuchPath", fmt.Errorf("with.workingDirectory: %q is not a directory of the workspace", path))
	}
	return dir, nil
}

// bind turns the expressions of a script into variables of env.
func bind(script, shell string, env *environment, scope expression.Scope) (string, error) {
	template, err := expression.Parse(script)
	if err != nil {
		return "", err
	}
	text, bindings, err := expression.Script(template, shell)
	if err != nil {
		return "", err
	}
	for _, b := range bindings {
		value, err := b.Template.Text(scope)
		if err != nil {
			return "", err
		}
		env.set(b.Name, value)
	}
	return text, nil
}

// interpreter is the command that runs a script, so that its first failing line ends it where the shell can do that.
func interpreter(shell, script string) []string {
	switch path.Base(shell) {
	case ".", "sh", "dash", "ash":
		return []string{orDefault(shell, "sh"), "-e", script}
	case "bash":
		return []string{shell, "--noprofile", "--norc", "-eo", "pipefail", script}
	}
	return []string{shell, script}
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

func (t *task) planContainer(p *plan, env *environment, with scriptWith) error {
	step := t.record.Step
	endpoint := t.agent.dockerEndpoint()
	if endpoint == "" {
		return failed("DockerUnavailable", errors.New("the step has an image, and this runner has no Docker engine"))
	}
	if err := t.dir.openToContainer(); err != nil {
		return err
	}
	env.addOurs(step, containerWorkspace, containerIO+"/outputs")
	p.Env = env.list()
	p.Container = &containerPlan{
		Endpoint: endpoint, Name: containerName(t.record.ID), Image: step.Image,
		Argv: interpreter(string(with.Shell), containerIO+"/script"), Dir: path.Join(containerWorkspace, string(with.WorkingDirectory)),
		Workspace: t.space.files(),
		Labels: map[string]string{
			v1.LabelUID: step.RunUID, v1.LabelKind: "PipelineRun", v1.LabelNamespace: step.Namespace, v1.LabelName: step.Run,
			labelTask: t.record.ID, labelStep: step.Name, labelRunner: t.agent.Name,
		},
	}
	if uid := os.Getuid(); uid != 0 {
		p.Container.User = strconv.Itoa(uid) + ":" + strconv.Itoa(os.Getgid())
	}
	return nil
}
