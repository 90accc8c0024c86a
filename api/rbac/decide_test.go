package rbac

import (
	"fmt"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func clusterRole(name string, rules ...rbacv1.PolicyRule) *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}
}

func reads(resource string, names ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: []string{"get", "list"}, APIGroups: []string{""}, Resources: []string{resource}, ResourceNames: names}
}

func roleBinding(namespace, name, kind, role string, subjects ...rbacv1.Subject) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: role},
	}
}

func clusterRoleBinding(name, role string, subjects ...rbacv1.Subject) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
	}
}

func user(name string) rbacv1.Subject  { return rbacv1.Subject{Kind: "User", Name: name} }
func group(name string) rbacv1.Subject { return rbacv1.Subject{Kind: "Group", Name: name} }
func account(namespace, name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: "ServiceAccount", Namespace: namespace, Name: name}
}

func TestTheReasonNamesBindingRoleAndSubject(t *testing.T) {
	p := New(Objects{
		ClusterRoles: []*rbacv1.ClusterRole{clusterRole("reader", reads("pods"))},
		Roles:        []*rbacv1.Role{{ObjectMeta: metav1.ObjectMeta{Namespace: "one", Name: "local"}, Rules: []rbacv1.PolicyRule{reads("jobs")}}},
		ClusterRoleBindings: []*rbacv1.ClusterRoleBinding{
			clusterRoleBinding("everywhere", "reader", group("staff")), clusterRoleBinding("nowhere", "lost", user("ann"))},
		RoleBindings: []*rbacv1.RoleBinding{
			roleBinding("one", "here", "Role", "local", account("", "bot")), roleBinding("one", "gone", "Role", "reader", user("ann"))},
	})
	for _, c := range []struct {
		a      Attributes
		allow  bool
		reason string
	}{
		{Attributes{User: User{"ann", []string{"staff"}}, Verb: "get", Resource: "pods", Namespace: "two", Name: "x"}, true,
			`RBAC: allowed by ClusterRoleBinding "everywhere" of ClusterRole "reader" to Group "staff"`},
		{Attributes{User: User{"system:serviceaccount:one:bot", nil}, Verb: "list", Resource: "jobs", Namespace: "one"}, true,
			`RBAC: allowed by RoleBinding "here/one" of Role "local" to ServiceAccount "bot/one"`},
		{Attributes{User: User{"ann", nil}, Verb: "get", Resource: "pods", Namespace: "one"}, false,
			`RBAC: [clusterrole.rbac.authorization.k8s.io "lost" not found, role.rbac.authorization.k8s.io "reader" not found]`},
		{Attributes{User: User{"ann", nil}, Verb: "get", Resource: "pods"}, false, `RBAC: clusterrole.rbac.authorization.k8s.io "lost" not found`},
		{Attributes{User: User{"ben", nil}, Verb: "get", Resource: "pods"}, false, ""},
	} {
		if d := p.Allows(&c.a); d.Allowed != c.allow || d.Reason() != c.reason {
			t.Errorf("%+v: %v %s", c.a, d.Allowed, d.Reason())
		}
	}
}

func TestDenialsInTheWordsOfKubernetes(t *testing.T) {
	for want, a := range map[string]Attributes{
		`User "u" cannot list resource "pods" in API group "" in the namespace "n"`:        {Verb: "list", Resource: "pods", Namespace: "n"},
		`User "u" cannot get resource "pods/log" in API group "apps" at the cluster scope`: {Verb: "get", Group: "apps", Resource: "pods", Subresource: "log"},
		`User "u" cannot get path "/metrics"`:                                              {Verb: "get", Path: "/metrics"},
	} {
		a.User.Name = "u"
		if got := a.Denied(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestMissingRulesAreNamedOnce(t *testing.T) {
	p := New(Objects{
		ClusterRoles:        []*rbacv1.ClusterRole{clusterRole("reader", reads("pods"))},
		ClusterRoleBindings: []*rbacv1.ClusterRoleBinding{clusterRoleBinding("b", "reader", user("ann"))},
	})
	wanted := []rbacv1.PolicyRule{
		{Verbs: []string{"get", "create", "delete"}, APIGroups: []string{""}, Resources: []string{"pods", "jobs"}},
		{Verbs: []string{"watch", "create"}, APIGroups: []string{""}, Resources: []string{"pods"}, ResourceNames: []string{"x"}},
		{Verbs: []string{"get"}, NonResourceURLs: []string{"/metrics"}},
	}
	var got []string
	missing, err := p.Missing(User{Name: "ann"}, "", wanted)
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range missing {
		got = append(got, Describe(rule))
	}
	want := []string{
		`{APIGroups:[""], Resources:["jobs"], Verbs:["get" "create" "delete"]}`,
		`{APIGroups:[""], Resources:["pods"], ResourceNames:["x"], Verbs:["watch" "create"]}`,
		`{APIGroups:[""], Resources:["pods"], Verbs:["create" "delete"]}`,
		`{NonResourceURLs:["/metrics"], Verbs:["get"]}`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	if got, err := p.Missing(User{Name: "ann"}, "one", []rbacv1.PolicyRule{reads("pods", "x")}); err != nil || len(got) > 0 {
		t.Errorf("missing: %v, %v", got, err)
	}
}

// What is asked about is compared with all that the user has: both together are bounded.
func TestRulesAreNotComparedWithoutEnd(t *testing.T) {
	names := func(n int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprint("n", i))
		}
		return list
	}
	p := New(Objects{
		ClusterRoles:        []*rbacv1.ClusterRole{clusterRole("reader", reads("pods", names(10_000)...)), clusterRole("all", rbacv1.PolicyRule{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}})},
		ClusterRoleBindings: []*rbacv1.ClusterRoleBinding{clusterRoleBinding("b", "reader", user("ann")), clusterRoleBinding("c", "all", user("cleo"))},
	})
	for _, c := range []struct {
		user   string
		names  int
		refuse bool
	}{{"ann", 900, false}, {"ann", 3000, true}, {"cleo", 24_000, false}, {"cleo", 26_000, true}} {
		missing, err := p.Missing(User{Name: c.user}, "", []rbacv1.PolicyRule{reads("pods", names(c.names)...)})
		if refused := err != nil; refused != c.refuse || len(missing) > 0 {
			t.Errorf("%s, %d names: %v, %d rules missing", c.user, c.names, err, len(missing))
		}
	}
}

func TestAggregationAddsUpByLabel(t *testing.T) {
	labelled := func(name string, rules ...rbacv1.PolicyRule) *rbacv1.ClusterRole {
		r := clusterRole(name, rules...)
		r.Labels = map[string]string{"into": "sum"}
		return r
	}
	sum := labelled("sum", reads("itself"))
	sum.AggregationRule = &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{MatchLabels: map[string]string{"into": "sum"}}}}
	same := reads("pods")
	same.ResourceNames = []string{} // as absent
	rules, err := Aggregate(sum, []*rbacv1.ClusterRole{labelled("b", reads("jobs"), same), sum, labelled("a", reads("pods")), clusterRole("c", reads("no"))})
	if err != nil || len(rules) != 2 || rules[0].Resources[0] != "pods" || rules[1].Resources[0] != "jobs" {
		t.Errorf("got %v, %v", rules, err)
	}
	sum.AggregationRule.ClusterRoleSelectors[0].MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "x", Operator: "Bad"}}
	if _, err := Aggregate(sum, nil); err == nil || !strings.Contains(err.Error(), "aggregationRule.clusterRoleSelectors[0]") {
		t.Errorf("got %v", err)
	}
}

// manyBindings are a thousand bindings: half of them the user's own in a namespace each, the
// others of the cluster, to other people; every one to one of ten roles.
func manyBindings() Objects {
	var o Objects
	for r := range 10 {
		role := clusterRole(fmt.Sprint("role-", r))
		for i := range 10 {
			role.Rules = append(role.Rules, rbacv1.PolicyRule{Verbs: []string{"get", "list", "watch"}, APIGroups: []string{"apps"},
				Resources: []string{fmt.Sprint("r", i), fmt.Sprint("r", i, "/status"), fmt.Sprint("s", i)}})
		}
		o.ClusterRoles = append(o.ClusterRoles, role)
	}
	for i := range 500 {
		role := fmt.Sprint("role-", i%10)
		o.RoleBindings = append(o.RoleBindings, roleBinding(fmt.Sprint("ns-", i), "b", "ClusterRole", role, user("ann"), group("staff")))
		o.ClusterRoleBindings = append(o.ClusterRoleBindings, clusterRoleBinding(fmt.Sprint("b-", i), role, user(fmt.Sprint("user-", i))))
	}
	return o
}

func TestADecisionAllocatesNothing(t *testing.T) {
	p := New(manyBindings())
	for want, resource := range map[bool]string{true: "s9", false: "nothing"} {
		a := &Attributes{User: User{"ann", []string{"system:authenticated", "staff"}}, Verb: "watch", Group: "apps", Resource: resource, Namespace: "ns-77"}
		if p.Allows(a).Allowed != want {
			t.Errorf("%s: allowed %v", resource, !want)
		}
		if n := testing.AllocsPerRun(100, func() { p.Allows(a) }); n > 2 {
			t.Errorf("%s: %v allocations", resource, n)
		}
	}
}

func BenchmarkDecision(b *testing.B) {
	p := New(manyBindings())
	own := Objects{ClusterRoles: manyBindings().ClusterRoles}
	for i := range 1000 {
		own.ClusterRoles = append(own.ClusterRoles, clusterRole(fmt.Sprint("only-", i), reads(fmt.Sprint("x", i))))
		own.ClusterRoleBindings = append(own.ClusterRoleBindings, clusterRoleBinding(fmt.Sprint("b-", i), fmt.Sprint("only-", i), user("ann")))
	}
	for name, c := range map[string]struct {
		policy   *Policy
		resource string
	}{"allowed": {p, "s9"}, "denied": {p, "nothing"}, "denied, all 1000 bindings to one user": {New(own), "nothing"}} {
		a := &Attributes{User: User{"ann", []string{"system:authenticated", "staff"}}, Verb: "watch", Group: "apps", Resource: c.resource, Namespace: "ns-77"}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.policy.Allows(a)
			}
		})
	}
	b.Run("make the policy", func(b *testing.B) {
		o := manyBindings()
		for b.Loop() {
			New(o)
		}
	})
}
