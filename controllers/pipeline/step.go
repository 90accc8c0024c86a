package pipeline

import (
	"encoding/json"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/powernode/powernode/controllers/internal/flow"
)

// property is one entry of a step's `with`.
type property struct {
	required bool
	oneOf    []string
	check    func(v any) (complaint string)
}

// configuration is the schema of `with` for each type of step.
func configuration(stepType string) map[string]property {
	switch stepType {
	case flow.Checkout:
		return map[string]property{
			"repository": {check: isText}, "ref": {check: isText}, "depth": {check: isDepth}, "path": {check: isText},
		}
	case flow.RunTests:
		return map[string]property{
			"command": {required: true, check: isText}, "shell": {check: isShell}, "workingDirectory": {check: isText},
		}
	case flow.Custom:
		return map[string]property{
			"run": {required: true, check: isText}, "shell": {check: isShell}, "workingDirectory": {check: isText},
		}
	case flow.UploadArtifact:
		return map[string]property{
			"name": {required: true, check: isArtifactName}, "path": {required: true, check: isPaths},
			"ifNoFilesFound": {check: isText, oneOf: []string{"error", "warn", "ignore"}},
		}
	case flow.DownloadArtifact:
		return map[string]property{"name": {required: true, check: isArtifactName}, "path": {check: isText}}
	}
	return nil
}

func (a *admission) step(i int) {
	s, path := a.spec.Steps[i], a.path.Child("steps").Index(i)
	switch {
	case slices.Contains(flow.Types(), s.Type):
		a.with(path.Child("with"), s.Type, s.With)
		if s.Type == flow.Checkout {
			a.checkout(i, path.Child("with"))
		}
	case slices.Contains(flow.Later(), s.Type):
		a.add(unavailable(path.Child("type"), s.Type, "not yet available in this version"))
	default:
		a.add(unavailable(path.Child("type"), s.Type, "unknown type of step"))
	}
}

func unavailable(path *field.Path, stepType, why string) *field.Error {
	err := field.NotSupported(path, stepType, []string{})
	err.Detail = why + "; available: " + strings.Join(flow.Types(), ", ")
	return err
}

// with checks a step's configuration against the schema of its type.
func (a *admission) with(path *field.Path, stepType string, raw json.RawMessage) {
	given := map[string]any{}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &given); err != nil {
			a.invalid(path, field.OmitValueType{}, "must be an object")
			return
		}
	}
	known := configuration(stepType)
	for _, name := range sortedKeys(given) {
		p, is := known[name]
		if !is {
			a.add(field.Forbidden(path.Child(name), "unknown field; "+stepType+" has "+strings.Join(sortedKeys(known), ", ")))
			continue
		}
		if complaint := p.check(given[name]); complaint != "" {
			a.invalid(path.Child(name), given[name], "%s", complaint)
		} else if s, isText := given[name].(string); isText && p.oneOf != nil && !dynamic(s) && !slices.Contains(p.oneOf, s) {
			a.add(field.NotSupported(path.Child(name), s, p.oneOf))
		}
	}
	for _, name := range sortedKeys(known) {
		if v, is := given[name]; known[name].required && (!is || v == nil || v == "") {
			a.add(field.Required(path.Child(name), stepType+" needs it"))
		}
	}
}

// checkout needs a repository, its own or the pipeline's.
func (a *admission) checkout(i int, path *field.Path) {
	var with struct {
		Repository any `json:"repository"`
	}
	_ = json.Unmarshal(a.spec.Steps[i].With, &with) // a wrong one was reported
	if with.Repository == nil && a.spec.Repository == nil {
		a.add(field.Required(path.Child("repository"), "the pipeline has no spec.repository, so the step has to say what it checks out"))
	}
}
