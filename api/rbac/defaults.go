package rbac

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/auth/rbac/validation"
	"sigs.k8s.io/yaml"

	"github.com/powernode/powernode/api"
)

//go:embed defaults.yaml
var defaults []byte

// bootstrapping labels what Defaults has, as in Kubernetes.
const bootstrapping, rbacDefaults = "kubernetes.io/bootstrapping", "rbac-defaults"

// Defaults are the roles and bindings that every server has: *rbacv1.ClusterRole and
// *rbacv1.ClusterRoleBinding, complete and in the order of the document. An error means that the
// program was built from a wrong one.
func Defaults() ([]any, error) {
	var objects []any
	for i, doc := range bytes.Split(defaults, []byte("\n---\n")) {
		var head metav1.TypeMeta
		if err := yaml.Unmarshal(doc, &head); err != nil {
			return nil, fmt.Errorf("api/rbac/defaults.yaml: document %d: %w", i, err)
		}
		var object interface{ metav1.Object }
		switch head.Kind {
		case "ClusterRole":
			object = &rbacv1.ClusterRole{}
		case "ClusterRoleBinding":
			object = &rbacv1.ClusterRoleBinding{}
		default:
			return nil, fmt.Errorf("api/rbac/defaults.yaml: document %d: unexpected kind %q", i, head.Kind)
		}
		if err := yaml.UnmarshalStrict(doc, object); err != nil {
			return nil, fmt.Errorf("api/rbac/defaults.yaml: document %d: %w", i, err)
		}
		complete(object)
		objects = append(objects, object)
	}
	return objects, nil
}

// complete fills in what all default objects have.
func complete(object metav1.Object) {
	labels := map[string]string{bootstrapping: rbacDefaults}
	for key, value := range object.GetLabels() {
		labels[key] = value
	}
	object.SetLabels(labels)
	object.SetAnnotations(map[string]string{rbacv1.AutoUpdateAnnotationKey: "true"})
	version := rbacv1.SchemeGroupVersion.String()
	switch object := object.(type) {
	case *rbacv1.ClusterRole:
		object.TypeMeta = metav1.TypeMeta{APIVersion: version, Kind: "ClusterRole"}
	case *rbacv1.ClusterRoleBinding:
		object.TypeMeta = metav1.TypeMeta{APIVersion: version, Kind: "ClusterRoleBinding"}
		object.RoleRef.APIGroup = rbacv1.GroupName
		for i := range object.Subjects {
			object.Subjects[i].APIGroup = rbacv1.GroupName
		}
	}
}

// Restore gives a live object back what is missing of the default that it is: rules, selectors
// of its aggregation, subjects. What was added to it stays. False when nothing is missing, or
// when the object is annotated to be left alone. The role that a binding refers to can't be
// changed: one that refers to another role is not the default any more, and left alone too.
func Restore(live *api.Object, want any) (*api.Object, bool, error) {
	if live.Annotations[rbacv1.AutoUpdateAnnotationKey] == "false" {
		return live, false, nil
	}
	typed, err := Decode(live)
	if err != nil {
		return live, false, err
	}
	var changed bool
	next := live.Clone()
	switch want := want.(type) {
	case *rbacv1.ClusterRole:
		changed, err = restoreRole(next, typed.(*rbacv1.ClusterRole), want)
	case *rbacv1.ClusterRoleBinding:
		changed, err = restoreBinding(next, typed.(*rbacv1.ClusterRoleBinding), want)
	}
	return next, changed, err
}

func restoreRole(next *api.Object, live, want *rbacv1.ClusterRole) (changed bool, err error) {
	changed = restoreLabels(next, want.Labels)
	if _, missing := validation.Covers(live.Rules, want.Rules); len(missing) > 0 {
		changed = true
		if err := put(next, "rules", append(slices.Clone(live.Rules), compact(missing)...)); err != nil {
			return false, err
		}
	}
	if want.AggregationRule == nil {
		return changed, nil
	}
	var selectors []metav1.LabelSelector
	if live.AggregationRule != nil {
		selectors = live.AggregationRule.ClusterRoleSelectors
	}
	had := len(selectors)
	for _, s := range want.AggregationRule.ClusterRoleSelectors {
		if !slices.ContainsFunc(selectors, func(o metav1.LabelSelector) bool { return equality.Semantic.DeepEqual(o, s) }) {
			selectors = append(slices.Clone(selectors), s)
		}
	}
	if len(selectors) == had {
		return changed, nil
	}
	return true, put(next, "aggregationRule", rbacv1.AggregationRule{ClusterRoleSelectors: selectors})
}

func restoreBinding(next *api.Object, live, want *rbacv1.ClusterRoleBinding) (changed bool, err error) {
	if live.RoleRef != want.RoleRef {
		return false, nil
	}
	subjects := live.Subjects
	for _, s := range want.Subjects {
		if !slices.Contains(subjects, s) {
			subjects = append(slices.Clone(subjects), s)
		}
	}
	if len(subjects) == len(live.Subjects) {
		return false, nil
	}
	return true, put(next, "subjects", subjects)
}

// restoreLabels puts the labels back that aggregation goes by.
func restoreLabels(next *api.Object, want map[string]string) (changed bool) {
	for key, value := range want {
		if _, ok := next.Labels[key]; !ok {
			if next.Labels == nil {
				next.Labels = map[string]string{}
			}
			next.Labels[key] = value
			changed = true
		}
	}
	return changed
}

func put(obj *api.Object, field string, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", obj.Key(), field, err)
	}
	if obj.Rest == nil {
		obj.Rest = map[string]json.RawMessage{}
	}
	obj.Rest[field] = raw
	return nil
}
