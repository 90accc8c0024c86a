package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/runner"
)

// assign completes a leased task with the values of its secrets. refused is the
// result of a step that can't be executed as it is: no runner could help.
func (s *Server) assign(ctx context.Context, state runner.TaskState) (a *runner.Assignment, refused *runner.Result, err error) {
	a = &runner.Assignment{ID: state.ID, Token: state.Token, LeaseSeconds: int(runner.LeaseTime / time.Second)}
	if err := json.Unmarshal(state.Payload, &a.Step); err != nil {
		return nil, failure("InvalidStep", "the step could not be read"), nil
	}
	for _, ref := range a.Step.SecretRefs {
		value, found, err := s.secret(ctx, a.Step.Namespace, ref)
		if err != nil {
			return nil, nil, err
		}
		if !found && ref.Optional {
			continue
		}
		if !found {
			return nil, failure("MissingSecret", fmt.Sprintf("%s %q of namespace %q, or its key %q, does not exist", kindOf(ref), ref.Name, a.Step.Namespace, ref.Key)), nil
		}
		if a.Secrets == nil {
			a.Secrets = map[string]string{}
		}
		a.Secrets[ref.As] = value
	}
	return a, nil, nil
}

func failure(reason, message string) *runner.Result {
	now := time.Now().UTC()
	return &runner.Result{Conclusion: runner.Failure, Reason: reason, Message: message, Started: now, Finished: now}
}

func kindOf(ref runner.SecretRef) string {
	if ref.Kind == "ConfigMap" {
		return "ConfigMap"
	}
	return "Secret"
}

// secret reads one key of a Secret or ConfigMap.
func (s *Server) secret(ctx context.Context, namespace string, ref runner.SecretRef) (value string, found bool, err error) {
	obj, err := s.cfg.Store.Get(ctx, api.Key{Kind: kindOf(ref), Namespace: namespace, Name: ref.Name})
	if errors.Is(err, api.ErrNotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("read %s %s/%s: %w", kindOf(ref), namespace, ref.Name, err)
	}
	encoded := "data"
	if kindOf(ref) == "ConfigMap" {
		texts, err := entries[string](obj, "data")
		if text, ok := texts[ref.Key]; ok || err != nil {
			return text, ok, err
		}
		encoded = "binaryData"
	}
	contents, err := entries[[]byte](obj, encoded)
	content, found := contents[ref.Key]
	return string(content), found, err
}

// entries decodes a field that maps keys to values. Its error holds no value.
func entries[V string | []byte](obj *api.Object, field string) (map[string]V, error) {
	var values map[string]V
	if raw := obj.Rest[field]; raw != nil && json.Unmarshal(raw, &values) != nil {
		return nil, fmt.Errorf("read %s of %s: not a map of keys to values", field, obj.Key())
	}
	return values, nil
}
