package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/powernode/powernode/api/expression"
	protocol "github.com/powernode/powernode/api/runner"
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
	if contexts == nil { // a null
		contexts = map[string]any{}
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
		return failed("InvalidStep", fmt.Errorf("type: %q is not a type of step that this runner knows", step.Type))
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
		with := uploadWith{Name: text(step.Name), Path: patterns{"."}, IfNoFilesFound: "error"}
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
	if err := with.orPipelines(step.Repository, scope); err != nil {
		return err
	}
	if err := checkRef(string(with.Ref)); err != nil {
		return err
	}
	url, username, password := splitCredentials(string(with.Repository))
	if password != "" {
		p.Secrets = append(p.Secrets, password)
	}
	env.addOurs(step, t.space.files(), t.dir.outputs())
	p.Env = env.list()
	p.Checkout = &checkoutPlan{
		URL: url, Ref: string(with.Ref), Depth: int(with.Depth), Workspace: t.space.files(), Path: string(with.Path),
		Username: username, Password: password,
	}
	return nil
}

// orPipelines takes the pipeline's own repository where the step names none.
func (c *checkoutWith) orPipelines(repository *protocol.Repository, scope expression.Scope) error {
	if c.Repository != "" {
		return nil
	}
	if repository == nil {
		return failed("InvalidStep", errors.New("with.repository: the pipeline has no repository, so name one here"))
	}
	url, err := evalString(repository.URL, scope)
	if err != nil {
		return failed("InvalidExpression", fmt.Errorf("repository.url: %w", err))
	}
	ref, err := evalString(repository.Ref, scope)
	if err != nil {
		return failed("InvalidExpression", fmt.Errorf("repository.ref: %w", err))
	}
	c.Repository = text(expression.String(url))
	if c.Ref == "" {
		c.Ref = text(expression.String(ref))
	}
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
