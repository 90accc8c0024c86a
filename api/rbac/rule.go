package rbac

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

const all = "*"

// allows reports whether one rule allows what the attributes say. A rule is about
// resources or about paths; what is in it of the other sort has no meaning.
func allows(rule *rbacv1.PolicyRule, a *Attributes) bool {
	if !has(rule.Verbs, a.Verb) {
		return false
	}
	if a.Path != "" {
		return slices.ContainsFunc(rule.NonResourceURLs, func(url string) bool { return coversPath(url, a.Path) })
	}
	return has(rule.APIGroups, a.Group) && hasResource(rule.Resources, a) &&
		(len(rule.ResourceNames) == 0 || slices.Contains(rule.ResourceNames, a.Name))
}

// has reports whether a list has a word, or all words.
func has(list []string, word string) bool {
	for _, entry := range list {
		if entry == word || entry == all {
			return true
		}
	}
	return false
}

// hasResource compares without putting the name of the subresource together: this
// is the inside of every decision.
func hasResource(list []string, a *Attributes) bool {
	for _, entry := range list {
		if entry == all {
			return true
		}
		if a.Subresource == "" {
			if entry == a.Resource {
				return true
			}
			continue
		}
		head, ok := strings.CutSuffix(entry, a.Subresource)
		if !ok {
			continue
		}
		if head, ok = strings.CutSuffix(head, "/"); ok && (head == a.Resource || head == all) {
			return true
		}
	}
	return false
}

// coversPath: a path ends with * when it stands for all that begin like it.
func coversPath(pattern, path string) bool {
	if pattern == path {
		return true
	}
	if !strings.HasSuffix(pattern, all) {
		return false
	}
	return strings.HasPrefix(path, strings.TrimRight(pattern, all))
}
