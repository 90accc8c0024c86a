package server

import (
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/powernode/powernode/api"
)

// scaleManager keeps account of the fields of a Scale, which needs no schema: it has no lists.
func scaleManager() (*managedfields.FieldManager, error) {
	gvk := scaleKind()
	notOwned := map[fieldpath.APIVersion]fieldpath.Filter{
		fieldpath.APIVersion(gvk.GroupVersion().String()): fieldpath.NewExcludeSetFilter(fieldpath.NewSet(fieldpath.MakePathOrDie("status"))),
	}
	return managedfields.NewDefaultFieldManager(managedfields.NewDeducedTypeConverter(), sameForm{}, sameForm{}, sameForm{}, gvk, gvk.GroupVersion(), subScale, notOwned)
}

// scaleAccount turns the account of an object into that of its Scale and back. An account
// that can't be read counts as none.
func (m *fieldManagers) scaleAccount(live *api.Object) *managedfields.ScaleHandler {
	paths := managedfields.ResourcePathMappings{}
	for _, v := range m.versions {
		paths[v.APIVersion()] = nil
		if v.Scale == nil {
			continue
		}
		var parts []any
		for _, name := range scalePath(v.Scale.SpecReplicasPath) {
			parts = append(parts, name)
		}
		if path, err := fieldpath.MakePath(parts...); err == nil {
			paths[v.APIVersion()] = path
		}
	}
	entries := live.ManagedFields
	if managedfields.ValidateManagedFields(entries) != nil {
		entries = nil
	}
	return managedfields.NewScaleHandler(entries, schema.GroupVersion{Group: m.kind.Group, Version: m.kind.Version}, paths)
}

func unstructuredScale(scale *autoscalingv1.Scale) (*unstructured.Unstructured, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(scale)
	if err != nil {
		return nil, fmt.Errorf("read scale of %s: %w", scale.Name, err)
	}
	return &unstructured.Unstructured{Object: fields}, nil
}

func fromUnstructuredScale(obj runtime.Object) (*autoscalingv1.Scale, []metav1.ManagedFieldsEntry, error) {
	u, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return nil, nil, fmt.Errorf("read scale: it is a %T", obj)
	}
	scale := &autoscalingv1.Scale{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, scale); err != nil {
		return nil, nil, fmt.Errorf("read scale of %s: %w", u.GetName(), err)
	}
	return scale, scale.ManagedFields, nil
}
