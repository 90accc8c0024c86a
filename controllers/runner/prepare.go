package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"regexp"
	"strconv"
	"time"

	"github.com/powernode/powernode/api/expression"
	protocol "github.com/powernode/powernode/api/runner"
	v1 "github.com/powernode/powernode/api/v1"
)

// defaultTimeout is for a step that comes without one.
const defaultTimeout = 10 * time.Minute

func timeoutOf(step protocol.Step) time.Duration {
	if step.TimeoutSeconds <= 0 {
		return defaultTimeout
	}
	return time.Duration(step.TimeoutSeconds) * time.Second
}

// scopeOf is what the step's expressions see.
func (t *task) scopeOf(secrets map[string]string) (expression.Scope, error) {
	contexts := map[string]any{}
	if raw := t.record.Step.Context; len(raw) > 0 {
		if err := json.Unmarshal(raw, &contexts); err != nil {
			return expression.Scope{}, failed("InvalidStep", fmt.Errorf("context: %w", err))
		}
	}
	values := map[string]any{}
	for name, value := range secrets {
		values[name] = value
	}
	contexts["secrets"] = values
	return expression.Scope{
		Contexts:  contexts,
		HashFiles: func(patterns ...string) (string, error) { return hashFiles(t.space.files(), patterns...) },
	}, nil
}

// begin starts the step under its shim, or does what needs none. It is called
// once in the life of a task.
func (t *task) begin(ctx context.Context, secrets map[string]string) error {
	step := t.record.Step
	if err := t.space.prepare(ctx, step.Workspace, t.agent.spaces.shared(t.space), t.fetch); err != nil {
		return err
	}
	scope, err := t.scopeOf(secrets)
	if err != nil {
		return err
	}
	env := t.base()
	inContainer := step.Image != "" && (step.Type == "custom" || step.Type == "run_tests")
	if inContainer {
		env = containerBase()
	}
	if err := env.addStep(step, secrets, scope); err != nil {
		return err
	}
	p := plan{Secrets: t.secrets, Timeout: timeoutOf(step)}
	switch step.Type {
	case "checkout":
		err = t.planCheckout(&p, env, scope)
	case "custom", "run_tests":
		err = t.planScript(&p, env, scope, inContainer)
	case "upload_artifact", "download_artifact":
		return t.transfer(ctx, scope)
	default:
		err = failed("InvalidStep", fmt.Errorf("type: %q is not a type of step that this runner knows", step.Type))
	}
	if err != nil {
		return err
	}
	return t.startShim(p)
}

// transfer runs a step that only talks to the server; done twice it does the same.
func (t *task) transfer(ctx context.Context, scope expression.Scope) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeoutOf(t.record.Step), errTimedOut)
	defer cancel()
	started := time.Now().UTC()
	result, err := t.transferNow(ctx, scope)
	if err != nil {
		result = outcome(ctx, err, timeoutOf(t.record.Step))
	}
	result.Started, result.Finished = started, time.Now().UTC()
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(cause, errTimedOut) {
		return cause
	}
	return t.exit(result)
}

func (t *task) transferNow(ctx context.Context, scope expression.Scope) (protocol.Result, error) {
	step := t.record.Step
	if step.Type == "upload_artifact" {
		with := uploadWith{Name: step.Name, Path: patterns{"."}, IfNoFilesFound: "error"}
		if err := decodeWith(step, scope, &with); err != nil {
			return protocol.Result{}, err
		}
		return t.uploadArtifact(ctx, with)
	}
	with := downloadWith{Path: "."}
	if err := decodeWith(step, scope, &with); err != nil {
		return protocol.Result{}, err
	}
	return t.downloadArtifact(ctx, with)
}

func (t *task) planCheckout(p *plan, env *environment, scope expression.Scope) error {
	step := t.record.Step
	with := checkoutWith{Path: "."}
	if err := decodeWith(step, scope, &with); err != nil {
		return err
	}
	if with.Repository == "" && step.Repository != nil {
		url, err := evalString(step.Repository.URL, scope)
		if err != nil {
			return failed("InvalidExpression", fmt.Errorf("repository.url: %w", err))
		}
		ref, err := evalString(step.Repository.Ref, scope)
		if err != nil {
			return failed("InvalidExpression", fmt.Errorf("repository.ref: %w", err))
		}
		with.Repository = expression.String(url)
		if with.Ref == "" {
			with.Ref = expression.String(ref)
		}
	}
	if with.Repository == "" {
		return failed("InvalidStep", errors.New("with.repository: the pipeline has no repository, so name one here"))
	}
	if err := checkRef(with.Ref); err != nil {
		return err
	}
	url, username, password := splitCredentials(with.Repository)
	if password != "" {
		p.Secrets = append(p.Secrets, password)
	}
	env.addOurs(step, t.space.files(), t.dir.outputs())
	p.Env = env.list()
	p.Checkout = &checkoutPlan{URL: url, Ref: with.Ref, Depth: with.Depth, Workspace: t.space.files(), Path: with.Path, Username: username, Password: password}
	return nil
}

var refForm = regexp.MustCompile(`^[\pL\pN_][\pL\pN_./@+#-]*$`)

// checkRef refuses what git would take for an option or a range.
func checkRef(ref string) error {
	if ref == "" || refForm.MatchString(ref) {
		return nil
	}
	return failed("InvalidStep", fmt.Errorf("with.ref: %q is not a branch, a tag or a commit", ref))
}

func (t *task) planScript(p *plan, env *environment, scope expression.Scope, inContainer bool) error {
	step := t.record.Step
	var with scriptWith
	if err := decodeWith(step, scope, &with, "run", "command"); err != nil {
		return err
	}
	field, script := "run", with.Run
	if step.Type == "run_tests" {
		field, script = "command", with.Command
	}
	text, err := bind(script, with.Shell, env, scope)
	if err != nil {
		return failed("InvalidExpression", fmt.Errorf("with.%s: %w", field, err))
	}
	if text == "" {
		return failed("InvalidStep", fmt.Errorf("with.%s: there is nothing to run", field))
	}
	if err := os.WriteFile(t.dir.script(), []byte(text), 0o644); err != nil {
		return err
	}
	dir, err := confined(t.space.files(), with.WorkingDirectory)
	if err != nil {
		return failed("NoSuchPath", fmt.Errorf("with.workingDirectory: %w", err))
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return failed("NoSuchPath", fmt.Errorf("with.workingDirectory: %q is not a directory of the workspace", with.WorkingDirectory))
	}
	if inContainer {
		return t.planContainer(p, env, with)
	}
	env.addOurs(step, t.space.files(), t.dir.outputs())
	p.Env = env.list()
	p.Command = &commandPlan{Argv: interpreter(with.Shell, t.dir.script()), Dir: dir}
	return nil
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
		Argv: interpreter(with.Shell, containerIO+"/script"), Dir: path.Join(containerWorkspace, with.WorkingDirectory),
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
