package server

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/powernode/powernode/api"
)

// kubernetesFinalizer is what spec.finalizers of a namespace names until it is empty.
const kubernetesFinalizer = "kubernetes"

// subFinalize is the subresource by which spec.finalizers of a namespace is written, and by
// nothing else.
const subFinalize = "finalize"

// namespaceSpec is the spec of a namespace.
type namespaceSpec struct {
	Finalizers []string `json:"finalizers,omitempty"`
}

// holdNamespace gives a new namespace its finalizer.
func holdNamespace(obj *api.Object) error {
	spec, err := namespaceSpecOf(obj)
	if err != nil {
		return err
	}
	if !slices.Contains(spec.Finalizers, kubernetesFinalizer) {
		spec.Finalizers = append(spec.Finalizers, kubernetesFinalizer)
	}
	obj.Spec, err = json.Marshal(spec)
	return err
}

// finalizeNamespace keeps spec.finalizers, which has a subresource of its own. Who takes off the last
// one of a namespace that is being deleted ends it there and then, whatever is left in it.
func finalizeNamespace(r *request, old, obj *api.Object) error {
	if old == nil {
		return nil
	}
	if r.target.subresource != subFinalize {
		obj.Spec = old.Spec
		return nil
	}
	spec, err := namespaceSpecOf(obj)
	if err == nil && len(spec.Finalizers) == 0 && old.DeletionTimestamp != nil {
		obj.Finalizers = slices.DeleteFunc(obj.Finalizers, func(f string) bool { return f == controllerFinalizer })
	}
	return err
}

func namespaceSpecOf(obj *api.Object) (spec namespaceSpec, err error) {
	if len(obj.Spec) > 0 {
		if err = json.Unmarshal(obj.Spec, &spec); err != nil {
			err = fmt.Errorf("%s: spec: %w", obj.Key(), err)
		}
	}
	return spec, err
}
