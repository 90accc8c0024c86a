package pipelinerun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/runner"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/reconcile"
)

// missingSecrets finds, for each step that has not begun, a secret that it
// mentions and that is not there. Such a step waits, rather than fail: the secret's
// arrival wakes the run, and the run's timeout bounds the wait. Only names of keys are
// looked at, no values.
func missingSecrets(ctx context.Context, objects reconcile.Objects, r run, status *v1.PipelineRunStatus) (map[int]string, error) {
	missing := map[int]string{}
	for i, step := range r.steps() {
		if i < len(status.Steps) && (status.Steps[i].Phase != v1.RunPending || status.Steps[i].Attempts > 0) {
			continue
		}
		for _, ref := range r.secretRefs(step) {
			there, err := hasKey(ctx, objects, r.key.Namespace, ref)
			if err != nil {
				return nil, err
			}
			if !there && !ref.Optional && missing[i] == "" {
				missing[i] = fmt.Sprintf("key %q of %s %s/%s", ref.Key, kindOf(ref), r.key.Namespace, ref.Name)
			}
		}
	}
	return missing, nil
}

func kindOf(ref runner.SecretRef) string {
	if ref.Kind == "" {
		return v1.Secret
	}
	return ref.Kind
}

func hasKey(ctx context.Context, objects reconcile.Objects, namespace string, ref runner.SecretRef) (bool, error) {
	obj, err := objects.Get(ctx, api.Key{Kind: kindOf(ref), Namespace: namespace, Name: ref.Name})
	if errors.Is(err, api.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, section := range []string{"data", "stringData", "binaryData"} {
		var keys map[string]json.RawMessage
		if json.Unmarshal(obj.Rest[section], &keys) == nil {
			if _, there := keys[ref.Key]; there {
				return true, nil
			}
		}
	}
	return false, nil
}
