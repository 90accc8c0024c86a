package clusterrole_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/rbac"
	"github.com/powernode/powernode/controllers/clusterrole"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
)

func settle(t *testing.T, objs ...*api.Object) *reconciletest.World {
	return reconciletest.Settle(t, []reconcile.Kind{clusterrole.Kind()}, objs...)
}

func role(t *testing.T, doc string) *api.Object {
	return reconciletest.YAML(t, "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n"+doc)[0]
}

// sum has the rules of all roles with the label into=NAME, and that label's value into as its own.
func sum(t *testing.T, name, into string) *api.Object {
	return role(t, "metadata: {name: "+name+", labels: {into: "+into+"}}\naggregationRule: {clusterRoleSelectors: [{matchLabels: {into: "+name+"}}]}")
}

func part(t *testing.T, name, into, resource string) *api.Object {
	return role(t, "metadata: {name: "+name+", labels: {into: "+into+"}}\nrules: [{verbs: [get], apiGroups: [''], resources: ["+resource+"]}]")
}

// resources are what the rules of a role are about, in order.
func resources(w *reconciletest.World, name string) string {
	var rules []rbacv1.PolicyRule
	_ = json.Unmarshal(w.Object(rbac.KindClusterRole, name).Rest["rules"], &rules)
	var all []string
	for _, r := range rules {
		all = append(all, r.Resources...)
	}
	return strings.Join(all, " ")
}

func expect(t *testing.T, w *reconciletest.World, name, want string) {
	t.Helper()
	if got := resources(w, name); got != want {
		t.Errorf("%s has %q, want %q", name, got, want)
	}
}

func TestAnAggregatedRoleHasWhatTheSelectedHave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := settle(t, sum(t, "admin", "none"), sum(t, "edit", "admin"), part(t, "b", "edit", "pods"), part(t, "a", "edit", "jobs"), part(t, "x", "other", "no"))
		expect(t, w, "edit", "jobs pods")
		expect(t, w, "admin", "jobs pods") // through edit
		w.Apply(part(t, "c", "admin", "roles"))
		expect(t, w, "admin", "roles jobs pods")
		w.Delete(rbac.KindClusterRole, "a")
		expect(t, w, "edit", "pods")
		expect(t, w, "admin", "roles pods")
		w.Apply(part(t, "b", "other", "pods")) // its label goes
		expect(t, w, "edit", "")
		w.NoWrites(func() { w.Advance(time.Hour) })
	})
}

func TestWhatIsWrittenIntoAnAggregatedRoleGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := settle(t, sum(t, "edit", "admin"), part(t, "a", "edit", "jobs"))
		own := sum(t, "edit", "admin")
		own.Rest["rules"] = part(t, "x", "x", "mine").Rest["rules"]
		w.Apply(own)
		expect(t, w, "edit", "jobs")
	})
}

func TestAPlainRoleIsItsOwners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := settle(t)
		w.NoWrites(func() { w.Apply(part(t, "a", "edit", "jobs")) })
		obj := w.Object(rbac.KindClusterRole, "a")
		if len(obj.Finalizers) > 0 || len(obj.Status) > 0 {
			t.Errorf("the engine wrote to it: %v %s", obj.Finalizers, obj.Status)
		}
		expect(t, w, "a", "jobs")
	})
}

func TestABadSelectorIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := role(t, "metadata: {name: bad}\naggregationRule: {clusterRoleSelectors: [{matchExpressions: [{key: a, operator: Never}]}]}")
		w := settle(t, bad, sum(t, "edit", "admin"), part(t, "a", "edit", "jobs"))
		told := slices.ContainsFunc(w.Events(rbac.KindClusterRole, "bad"), func(e reconciletest.Event) bool {
			return e.Type == "Warning" && e.Reason == "InvalidSelector" && strings.Contains(e.Message, "aggregationRule.clusterRoleSelectors[0]")
		})
		if !told {
			t.Errorf("events: %v", w.Events(rbac.KindClusterRole, "bad"))
		}
		expect(t, w, "edit", "jobs")
	})
}

// The default roles, put together by the controller: each has what it has by default, which is what it is
// meant for, and not what it is not.
func TestTheDefaultRolesAreWhatTheySay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defaults, err := rbac.Defaults()
		if err != nil {
			t.Fatal(err)
		}
		var objs []*api.Object
		complete := map[string][]rbacv1.PolicyRule{}
		for _, typed := range defaults {
			if role, ok := typed.(*rbacv1.ClusterRole); ok && role.AggregationRule != nil {
				complete[role.Name], role.Rules = role.Rules, nil
			}
			obj, err := rbac.Encode(typed)
			if err != nil {
				t.Fatal(err)
			}
			objs = append(objs, obj)
		}
		w := settle(t, objs...)
		for name, want := range complete {
			typed, err := rbac.Decode(w.Object(rbac.KindClusterRole, name))
			if err != nil {
				t.Fatal(err)
			}
			if made := typed.(*rbacv1.ClusterRole).Rules; len(made) == 0 || !equality.Semantic.DeepEqual(made, want) {
				t.Errorf("%s has %v, by default %v", name, made, want)
			}
		}
		has := func(role, resource string) bool { return slices.Contains(strings.Fields(resources(w, role)), resource) }
		for resource, want := range map[string]string{
			"pipelines": "view edit admin", "pipelineruns/log": "view edit admin", "namespaces": "view edit admin",
			"secrets": "edit admin", "serviceaccounts/token": "edit admin", "leases": "edit admin",
			"roles": "admin", "rolebindings": "admin", "localsubjectaccessreviews": "admin",
			"clusterroles": "", "customresourcedefinitions": "", "tokens": "",
		} {
			for _, role := range []string{"view", "edit", "admin"} {
				if has(role, resource) != slices.Contains(strings.Fields(want), role) {
					t.Errorf("%s has %s: %v", role, resource, has(role, resource))
				}
			}
		}
		w.NoWrites(func() { w.Advance(time.Hour) })
	})
}
