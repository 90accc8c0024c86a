package containerinstance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
)

// resolveEnv is the environment of a container as NAME=value lines, every name
// once: envFrom in order, then env, later ones win. secrets are the values that came from
// Secrets. Whoever may run docker inspect on the host can read the environment
// of a container, secrets included: that is the engine's nature.
func resolveEnv(ctx context.Context, objects api.Getter, namespace string, spec v1.ContainerInstanceSpec) (env, secrets []string, err error) {
	r := resolver{ctx: ctx, objects: objects, namespace: namespace, values: map[string]string{}}
	for i, from := range spec.EnvFrom {
		if err := r.all(fmt.Sprintf("spec.envFrom[%d]", i), from); err != nil {
			return nil, nil, err
		}
	}
	for i, entry := range spec.Env {
		if err := r.one(fmt.Sprintf("spec.env[%d]", i), entry); err != nil {
			return nil, nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.values)) {
		env = append(env, name+"="+r.values[name])
	}
	return env, r.secrets, nil
}

// resolver collects values. It lives as long as one call.
type resolver struct {
	ctx       context.Context
	objects   api.Getter
	namespace string
	values    map[string]string
	secrets   []string
}

func (r *resolver) all(path string, from v1.EnvFrom) error {
	kind, ref := v1.ConfigMap, from.ConfigMapRef
	if from.SecretRef != nil {
		kind, ref = v1.Secret, from.SecretRef
	}
	if ref == nil {
		return nil
	}
	data, err := r.data(path, kind, ref.Name, ref.Optional)
	for name, value := range data {
		r.values[from.Prefix+name] = value
	}
	return err
}

func (r *resolver) one(path string, entry v1.EnvVar) error {
	if entry.ValueFrom == nil {
		r.values[entry.Name] = entry.Value
		return nil
	}
	kind, ref := v1.ConfigMap, entry.ValueFrom.ConfigMapKeyRef
	if entry.ValueFrom.SecretKeyRef != nil {
		kind, ref = v1.Secret, entry.ValueFrom.SecretKeyRef
	}
	if ref == nil {
		return nil
	}
	data, err := r.data(path, kind, ref.Name, ref.Optional)
	if err != nil {
		return err
	}
	value, ok := data[ref.Key]
	if !ok && !ref.Optional {
		return &blocked{"ReferenceMissing", fmt.Sprintf("%s: %s %q has no key %q", path, kind, ref.Name, ref.Key), 0}
	}
	if ok {
		r.values[entry.Name] = value
	}
	return nil
}

// data reads the values of a Secret or ConfigMap; its arrival and changes bring the reader back.
func (r *resolver) data(path, kind, name string, optional bool) (map[string]string, error) {
	key := api.Key{Kind: kind, Namespace: r.namespace, Name: name}
	obj, err := r.objects.Get(r.ctx, key)
	switch {
	case errors.Is(err, api.ErrNotFound) && optional:
		return nil, nil
	case errors.Is(err, api.ErrNotFound):
		return nil, &blocked{"ReferenceMissing", fmt.Sprintf("%s: %s %q is not there", path, kind, name), 0}
	case err != nil:
		return nil, err
	}
	values := map[string]string{}
	raw := obj.Rest["data"]
	if kind != v1.Secret {
		return values, unmarshal(raw, &values, path, key)
	}
	var encoded map[string][]byte
	if err := unmarshal(raw, &encoded, path, key); err != nil {
		return nil, err
	}
	for name, value := range encoded {
		values[name] = string(value)
		r.secrets = append(r.secrets, string(value))
	}
	return values, nil
}

// unmarshal never quotes what it could not read.
func unmarshal(raw json.RawMessage, into any, path string, key api.Key) error {
	if len(raw) == 0 {
		return nil
	}
	if json.Unmarshal(raw, into) != nil {
		return &blocked{"ReferenceUnreadable", fmt.Sprintf("%s: the data of %s can't be read", path, key), 0}
	}
	return nil
}
