package server

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/powernode/powernode/api"
)

// kubernetesFinalizer is what spec.finalizers of a namespace names until it is empty.
const kubernetesFinalizer = "kubernetes"

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

func namespaceSpecOf(obj *api.Object) (spec namespaceSpec, err error) {
	if len(obj.Spec) > 0 {
		if err = json.Unmarshal(obj.Spec, &spec); err != nil {
			err = fmt.Errorf("%s: spec: %w", obj.Key(), err)
		}
	}
	return spec, err
}
