package rbac

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/component-helpers/auth/rbac/validation"
)

// RulesFor are all rules that a user has in a namespace ("" for those that hold
// everywhere), the paths of ClusterRoles among them.
func (p *Policy) RulesFor(u User, namespace string) []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	p.each(&u, namespace, func(_ who, g *grant) bool {
		rules = append(rules, g.rules...)
		return true
	})
	return rules
}

// Dangling names the roles that a user's bindings refer to and that do not exist.
func (p *Policy) Dangling(u User, namespace string) []string {
	var roles []string
	p.each(&u, namespace, func(_ who, g *grant) bool {
		if g.missing {
			roles = append(roles, g.binding.dangling())
		}
		return true
	})
	return roles
}

// Missing are those of the wanted rules that the user does not have himself in the
// namespace, taken apart and put together again by verb. Who hands out no more than he has,
// and only so, can't gain anything by it. It is an error, for the user to read, when they are too many to tell.
func (p *Policy) Missing(u User, namespace string, wanted []rbacv1.PolicyRule) ([]rbacv1.PolicyRule, error) {
	parts := combinations(wanted)
	if parts > mostCovered {
		return nil, fmt.Errorf("its rules make more than %d combinations of verb, group, resource and name, too many to check at once: split it", mostCovered)
	}
	own := p.RulesFor(u, namespace)
	words := 0
	for _, rule := range own {
		words += len(rule.APIGroups) + len(rule.Resources) + len(rule.Verbs) + len(rule.ResourceNames) + len(rule.NonResourceURLs)
	}
	if parts*words > mostCompared {
		return nil, fmt.Errorf("its rules make %d combinations of verb, group, resource and name, too many to check at once against your own rules, "+
			"which have %d words: split it into parts of at most %d combinations", parts, words, mostCompared/words)
	}
	_, missing := validation.Covers(own, wanted)
	return compact(missing), nil
}

// What Missing may be asked about: every combination of verb, group, resource and name is looked at alone,
// and compared with every word of the user's own rules.
const (
	mostCovered  = 50_000
	mostCompared = 20_000_000 // about a second
)

// combinations is how many there are in rules, as far as they are not too many. A few kilobytes of
// lists, multiplied with each other, can make more than a memory holds.
func combinations(rules []rbacv1.PolicyRule) (total int) {
	for _, rule := range rules {
		of := 1
		for _, n := range []int{len(rule.APIGroups), len(rule.Resources), len(rule.Verbs), max(len(rule.ResourceNames), 1)} {
			if of *= n; of > mostCovered {
				return of
			}
		}
		if total += of + len(rule.NonResourceURLs)*len(rule.Verbs); total > mostCovered {
			return total
		}
	}
	return total
}

// compact joins rules that differ in nothing but verbs, in the order of their text.
func compact(rules []rbacv1.PolicyRule) []rbacv1.PolicyRule {
	joined := map[string]rbacv1.PolicyRule{}
	for _, rule := range rules {
		verbs := rule.Verbs
		rule.Verbs = nil
		key := Describe(rule)
		if same, ok := joined[key]; ok {
			rule = same
		}
		for _, verb := range verbs {
			if !slices.Contains(rule.Verbs, verb) {
				rule.Verbs = append(slices.Clone(rule.Verbs), verb)
			}
		}
		joined[key] = rule
	}
	var list []rbacv1.PolicyRule
	for _, key := range slices.Sorted(maps.Keys(joined)) {
		list = append(list, joined[key])
	}
	return list
}

// Describe is a rule in one line: {APIGroups:[""], Resources:["pods"], Verbs:["get"]}.
func Describe(rule rbacv1.PolicyRule) string {
	var parts []string
	for _, field := range []struct {
		name   string
		values []string
	}{
		{"APIGroups", rule.APIGroups}, {"Resources", rule.Resources}, {"NonResourceURLs", rule.NonResourceURLs},
		{"ResourceNames", rule.ResourceNames}, {"Verbs", rule.Verbs},
	} {
		if len(field.values) > 0 {
			parts = append(parts, fmt.Sprintf("%s:%q", field.name, field.values))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
