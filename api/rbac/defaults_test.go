package rbac

import (
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
)

// defaultRole is one of Defaults.
func defaultRole(t *testing.T, name string) *rbacv1.ClusterRole {
	t.Helper()
	defaults, err := Defaults()
	if err != nil {
		t.Fatal(err)
	}
	for _, typed := range defaults {
		if role, ok := typed.(*rbacv1.ClusterRole); ok && role.Name == name {
			return role
		}
	}
	t.Fatalf("there is no default role %s", name)
	return nil
}

// The roles that are sums of others have their rules before any controller has run; admin through edit what view has.
func TestTheDefaultSumsAreComplete(t *testing.T) {
	resources := func(name string) (all []string) {
		for _, rule := range defaultRole(t, name).Rules {
			all = append(all, rule.Resources...)
		}
		return all
	}
	for resource, want := range map[string]string{
		"pipelineruns/log": "view edit admin", "serviceaccounts/token": "edit admin", "rolebindings": "admin", "clusterroles": "",
	} {
		for _, role := range []string{"view", "edit", "admin"} {
			if has := slices.Contains(resources(role), resource); has != slices.Contains(strings.Fields(want), role) {
				t.Errorf("%s has %s: %v", role, resource, has)
			}
		}
	}
}

// What users' roles added to a sum is not taken for a fault of it, and what is missing is left to the controller.
func TestRestoringLeavesTheRulesOfASumAlone(t *testing.T) {
	want := defaultRole(t, "edit")
	live := want.DeepCopy()
	live.Rules = []rbacv1.PolicyRule{reads("gears")}
	restored := func() (*rbacv1.ClusterRole, bool) {
		obj, err := Encode(live)
		if err != nil {
			t.Fatal(err)
		}
		next, changed, err := Restore(obj, want)
		if err != nil {
			t.Fatal(err)
		}
		typed, err := Decode(next)
		if err != nil {
			t.Fatal(err)
		}
		return typed.(*rbacv1.ClusterRole), changed
	}
	if role, changed := restored(); changed {
		t.Errorf("the rules were made %v", role.Rules)
	}
	live.AggregationRule = nil
	if role, changed := restored(); !changed || role.AggregationRule == nil || len(role.Rules) != 1 {
		t.Errorf("changed %v: %+v", changed, role)
	}
}
