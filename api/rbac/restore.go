package rbac

import (
	"encoding/json"
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/auth/rbac/validation"

	"github.com/powernode/powernode/api"
)

// Restore gives a live object back what is missing of the default that it is: rules, selectors
// of its aggregation, subjects. What was added to it stays. False when nothing is missing, or
// when the object is annotated to be left alone. The rules of a role with an aggregationRule follow
// from other roles, users' own among them, and are left to the controller. The role that a binding refers to
// can't be changed: one that refers to another role is not the default any more, and left alone too.
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
	if want.AggregationRule != nil {
		aggregated, err := restoreAggregation(next, live, want)
		return changed || aggregated, err
	}
	if _, missing := validation.Covers(live.Rules, want.Rules); len(missing) > 0 {
		return true, put(next, "rules", append(slices.Clone(live.Rules), compact(missing)...))
	}
	return changed, nil
}

// restoreAggregation puts back the selectors of a role that is the sum of others.
func restoreAggregation(next *api.Object, live, want *rbacv1.ClusterRole) (changed bool, err error) {
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
		return false, nil
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
