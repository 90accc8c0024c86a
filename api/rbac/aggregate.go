package rbac

import (
	"cmp"
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Aggregate are the rules that a ClusterRole with an aggregation rule has: those of
// all other ClusterRoles that one of its selectors selects, by their names, each rule
// once. The same roles in any order give the same rules.
func Aggregate(role *rbacv1.ClusterRole, roles []*rbacv1.ClusterRole) ([]rbacv1.PolicyRule, error) {
	rules := []rbacv1.PolicyRule{}
	if role.AggregationRule == nil {
		return rules, nil
	}
	var selectors []labels.Selector
	for i, s := range role.AggregationRule.ClusterRoleSelectors {
		selector, err := metav1.LabelSelectorAsSelector(&s)
		if err != nil {
			return nil, fmt.Errorf("aggregationRule.clusterRoleSelectors[%d]: %w", i, err)
		}
		selectors = append(selectors, selector)
	}
	roles = slices.Clone(roles)
	slices.SortFunc(roles, func(a, b *rbacv1.ClusterRole) int { return cmp.Compare(a.Name, b.Name) })
	for _, other := range roles {
		selected := func(s labels.Selector) bool { return s.Matches(labels.Set(other.Labels)) }
		if other.Name == role.Name || !slices.ContainsFunc(selectors, selected) {
			continue
		}
		for _, rule := range other.Rules {
			same := func(had rbacv1.PolicyRule) bool { return equality.Semantic.DeepEqual(had, rule) }
			if !slices.ContainsFunc(rules, same) {
				rules = append(rules, rule)
			}
		}
	}
	return rules, nil
}
