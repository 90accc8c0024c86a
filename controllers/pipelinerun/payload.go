package pipelinerun

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/powernode/powernode/api/expression"
	"github.com/powernode/powernode/api/runner"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/flow"
)

// task makes the task of a step's attempt. It holds names of secrets, no values.
func (r run) task(i int, status *v1.PipelineRunStatus) (runner.Task, error) {
	step, attempt := r.steps()[i], status.Steps[i].Attempts
	payload, err := r.payload(step, attempt, status)
	if err != nil {
		return runner.Task{}, err
	}
	raw, err := json.Marshal(payload)
	if err != nil {
		return runner.Task{}, err
	}
	return runner.Task{
		ID:    runner.TaskID(r.uid, step.Name, attempt),
		Owner: r.key, OwnerUID: r.uid,
		Labels: r.labels(step), Docker: step.Image != "",
		Prefer: latestRunner(status), Payload: raw,
	}, nil
}

func (r run) labels(step v1.Step) []string {
	for _, labels := range [][]string{step.RunnerLabels, r.pipeline().RunnerLabels} {
		if len(labels) > 0 {
			return labels
		}
	}
	return []string{"default"}
}

// latestRunner is who worked on the run last, and so has its workspace.
func latestRunner(status *v1.PipelineRunStatus) string {
	var latest v1.StepStatus
	for _, s := range status.Steps {
		if s.Runner != "" && s.Started != nil && (latest.Started == nil || !s.Started.Before(latest.Started)) {
			latest = s
		}
	}
	return latest.Runner
}

func (r run) payload(step v1.Step, attempt int, status *v1.PipelineRunStatus) (runner.Step, error) {
	contexts := r.contexts(status)
	raw, err := json.Marshal(contexts)
	if err != nil {
		return runner.Step{}, err
	}
	scope := expression.Scope{Contexts: contexts}
	image, err := evaluate("image", step.Image, scope)
	if err != nil {
		return runner.Step{}, err
	}
	p := runner.Step{
		Namespace: r.key.Namespace, Run: r.key.Name, RunUID: r.uid,
		Name: step.Name, Type: step.Type, Attempt: attempt, With: step.With, Image: image,
		TimeoutSeconds: stepTimeout(step) * 60, Repository: r.repository(), Context: raw,
		SecretRefs: r.secretRefs(step), Env: r.env(step), SaveWorkspace: othersFollow(status, step.Name),
	}
	for _, a := range status.Artifacts {
		p.Artifacts = append(p.Artifacts, runner.Artifact{Name: a.Name, Step: a.Step, Blob: runner.Blob{SHA256: a.SHA256, Size: a.Size}, Files: a.Files})
	}
	if w := status.Workspace; w != nil {
		p.Workspace = &runner.Blob{SHA256: w.SHA256, Size: w.Size}
	}
	return p, nil
}

// repository is the pipeline's own as it is written: its expressions are for the
// runner, and no value is ever evaluated twice.
func (r run) repository() *runner.Repository {
	if repository := r.pipeline().Repository; repository != nil {
		return &runner.Repository{URL: repository.URL, Ref: repository.Ref}
	}
	return nil
}

func evaluate(what, source string, scope expression.Scope) (string, error) {
	t, err := expression.Parse(source)
	if err == nil {
		var text string
		if text, err = t.Text(scope); err == nil {
			return text, nil
		}
	}
	return "", fmt.Errorf("%s: %w", what, err)
}

func (r run) env(step v1.Step) []runner.EnvVar {
	var all []runner.EnvVar
	for _, v := range overlay(r.pipeline().Env, step.Env) {
		if v.ValueFrom != nil {
			all = append(all, runner.EnvVar{Name: v.Name, Secret: envSecret(v.Name)})
			continue
		}
		all = append(all, runner.EnvVar{Name: v.Name, Value: v.Value})
	}
	return all
}

// envSecret names the value of a variable that comes from elsewhere; no name of
// the secrets context has a slash.
func envSecret(name string) string { return "env/" + name }

// secretRefs are the secrets that a step mentions: in its variables, and in its
// configuration. One that is mentioned by a computed name may be any of them.
func (r run) secretRefs(step v1.Step) []runner.SecretRef {
	var refs []runner.SecretRef
	var sources []string
	for _, v := range overlay(r.pipeline().Env, step.Env) {
		if v.ValueFrom == nil {
			sources = append(sources, v.Value)
		} else if k := v.ValueFrom.SecretKeyRef; k != nil {
			refs = append(refs, runner.SecretRef{As: envSecret(v.Name), Name: k.Name, Key: k.Key, Optional: k.Optional})
		} else if k := v.ValueFrom.ConfigMapKeyRef; k != nil {
			refs = append(refs, runner.SecretRef{As: envSecret(v.Name), Kind: v1.ConfigMap, Name: k.Name, Key: k.Key, Optional: k.Optional})
		}
	}
	if own := r.repository(); own != nil && step.Type == flow.Checkout {
		sources = append(sources, own.URL, own.Ref)
	}
	mentioned, all := mentionedSecrets(append(sources, stringsIn(decoded(step.With))...))
	for _, s := range r.pipeline().SecretRefs {
		if all || slices.ContainsFunc(mentioned, func(name string) bool { return strings.EqualFold(name, s.Name) }) {
			k := s.SecretKeyRef
			refs = append(refs, runner.SecretRef{As: s.Name, Name: k.Name, Key: k.Key, Optional: k.Optional})
		}
	}
	return refs
}

func mentionedSecrets(sources []string) (names []string, all bool) {
	for _, source := range sources {
		t, err := expression.Parse(source)
		if err != nil {
			continue // the runner says so
		}
		for _, ref := range t.References() {
			if ref.Context != "secrets" {
				continue
			}
			if len(ref.Path) == 0 {
				return nil, true
			}
			names = append(names, ref.Path[0])
		}
	}
	return names, false
}

// stringsIn are all the strings of a JSON value, at any depth.
func stringsIn(v any) (all []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, item := range v {
			all = append(all, stringsIn(item)...)
		}
	case map[string]any:
		for _, item := range v {
			all = append(all, stringsIn(item)...)
		}
	}
	return all
}

// othersFollow reports whether a step but this one has not ended.
func othersFollow(status *v1.PipelineRunStatus, name string) bool {
	return slices.ContainsFunc(status.Steps, func(s v1.StepStatus) bool { return s.Name != name && !flow.Ended(s.Phase) })
}
