package server_test

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	rbacPath            = "/apis/rbac.authorization.k8s.io/v1/"
	clusterRoles        = rbacPath + "clusterroles"
	clusterRoleBindings = rbacPath + "clusterrolebindings"
	roles               = rbacPath + "namespaces/default/roles"
	roleBindings        = rbacPath + "namespaces/default/rolebindings"
)

func TestRBACObjectsAreCheckedLikeInKubernetes(t *testing.T) {
	h := start(t)
	for _, c := range []struct{ path, body, message string }{
		{roles, `{"rules":[{"verbs":[],"apiGroups":[""],"resources":["x"]}]}`, `rules[0].verbs: Required value: verbs must contain at least one value`},
		{roles, `{"rules":[{"verbs":["get"]}]}`, `[rules[0].apiGroups: Required value: resource rules must supply at least one api group, rules[0].resources: Required value: resource rules must supply at least one resource]`},
		{roles, `{"rules":[{"verbs":["get"],"nonResourceURLs":["/x"]}]}`, `rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs`},
		{clusterRoles, `{"rules":[{"verbs":["get"],"nonResourceURLs":["/x"],"resources":["y"]}]}`, `rules cannot apply to both regular resources and non-resource URLs`},
		{clusterRoles, `{"aggregationRule":{}}`, `aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil`},
		{clusterRoles, `{"aggregationRule":{"clusterRoleSelectors":[{"matchLabels":{"a b":"c"}}]}}`, `aggregationRule.clusterRoleSelectors[0].matchLabels: Invalid value: "a b"`},
		{roleBindings, `{"roleRef":{"kind":"User","name":"x"}}`, `roleRef.kind: Unsupported value: "User": supported values: "Role", "ClusterRole"`},
		{clusterRoleBindings, `{"roleRef":{"kind":"Role","name":"x"}}`, `roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"`},
		{roleBindings, `{"roleRef":{"kind":"Role","name":"a/b","apiGroup":"apps"}}`, `roleRef.apiGroup: Unsupported value: "apps": supported values: "rbac.authorization.k8s.io", roleRef.name: Invalid value: "a/b": may not contain '/'`},
		{roleBindings, `{"roleRef":{"kind":"Role","name":"x"},"subjects":[{"kind":"Robot","name":"r"}]}`, `subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"`},
		{roleBindings, `{"roleRef":{"kind":"Role","name":"x"},"subjects":[{"kind":"ServiceAccount","name":"A"}]}`, `subjects[0].name: Invalid value: "A"`},
		{roleBindings, `{"roleRef":{"kind":"Role","name":"x"},"subjects":[{"kind":"User","apiGroup":"apps","name":"A"}]}`, `subjects[0].apiGroup: Unsupported value: "apps"`},
		{clusterRoleBindings, `{"roleRef":{"kind":"ClusterRole","name":"x"},"subjects":[{"kind":"ServiceAccount","name":"a"}]}`, `subjects[0].namespace: Required value`},
	} {
		h.refused(h.post(c.path, `{"metadata":{"name":"bad:name"},`+c.body[1:]), 422, metav1.StatusReasonInvalid, c.message)
	}
	h.want(h.post(roles, `{"metadata":{"name":"system:odd name"},"rules":[]}`), 201)
}

func TestSubjectsAndRoleRefAreCompleted(t *testing.T) {
	h := start(t)
	got := h.want(h.post(roleBindings, `{"metadata":{"name":"b"},"roleRef":{"kind":"Role","name":"x"},"subjects":[{"kind":"User","name":"u"},{"kind":"Group","name":"g"},{"kind":"ServiceAccount","name":"s"}]}`), 201).body
	contains(t, "binding", got, `"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"x"}`,
		`{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"u"}`, `{"apiGroup":"rbac.authorization.k8s.io","kind":"Group","name":"g"}`, `{"kind":"ServiceAccount","name":"s"}`)
	for _, body := range []string{`{"roleRef":{"name":"y"}}`, `{"roleRef":{"kind":"ClusterRole"}}`} {
		h.refused(h.merge(roleBindings+"/b", body), 422, metav1.StatusReasonInvalid, "cannot change roleRef")
	}
	h.want(h.merge(roleBindings+"/b", `{"subjects":null}`), 200)
}

func TestNobodyGivesAwayMoreThanHeHas(t *testing.T) {
	h := start(t)
	guest := func(method, path, body string) answer {
		return h.do(method, path, body, append(as(guestToken), "Content-Type", map[string]string{"PATCH": "application/merge-patch+json"}[method])...)
	}
	role := func(name, verbs string) string {
		return fmt.Sprintf(`{"metadata":{"name":%q},"rules":[{"verbs":%s,"apiGroups":[""],"resources":["secrets"]}]}`, name, verbs)
	}
	h.bindGuest("default", `[{"verbs":["get","create","update","patch"],"apiGroups":["rbac.authorization.k8s.io"],"resources":["roles","rolebindings"]},{"verbs":["get","list"],"apiGroups":[""],"resources":["secrets"]}]`)

	const lacking = "user \"guest\" (groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions not currently held:\n" + `{APIGroups:[""], Resources:["secrets"], Verbs:["delete" "update"]}`
	h.want(guest("POST", roles, role("mine", `["get"]`)), 201)
	h.refused(guest("POST", roles, role("more", `["get","delete","update"]`)), 403, metav1.StatusReasonForbidden, `roles.rbac.authorization.k8s.io "more" is forbidden: `+lacking)
	h.refused(guest("POST", roles+"?dryRun=All", role("more", `["delete","update"]`)), 403, metav1.StatusReasonForbidden, lacking)
	h.want(guest("PATCH", roles+"/mine", `{"rules":[{"verbs":["list"],"apiGroups":[""],"resources":["secrets"]}]}`), 200)
	h.refused(guest("PATCH", roles+"/mine", `{"rules":[{"verbs":["*"],"apiGroups":[""],"resources":["secrets"]}]}`), 403, metav1.StatusReasonForbidden, `Verbs:["*"]`)
	h.refused(guest("PUT", roles+"/mine", `{"metadata":{"name":"mine","resourceVersion":"`+h.get(roles+"/mine").object(t).ResourceVersion+`"},"rules":[{"verbs":["delete","update"],"apiGroups":[""],"resources":["secrets"]}]}`), 403, metav1.StatusReasonForbidden, lacking)

	// A role that has more already may be deleted and kept house of, and nothing else: a label gets it into others.
	h.want(h.post(roles, role("strong", `["delete","update"]`)), 201)
	h.want(guest("PATCH", roles+"/strong", `{"metadata":{"finalizers":["test.powernode.io/x"]}}`), 200)
	h.refused(guest("PATCH", roles+"/strong", `{"metadata":{"labels":{"a":"b"}}}`), 403, metav1.StatusReasonForbidden, lacking)

	binding := func(name, kind, role string) string {
		return fmt.Sprintf(`{"metadata":{"name":%q},"roleRef":{"kind":%q,"name":%q},"subjects":[{"kind":"User","name":"guest"}]}`, name, kind, role)
	}
	h.want(guest("POST", roleBindings, binding("mine", "Role", "mine")), 201)
	h.refused(guest("POST", roleBindings, binding("strong", "Role", "strong")), 403, metav1.StatusReasonForbidden, `rolebindings.rbac.authorization.k8s.io "strong" is forbidden: `+lacking)
	h.refused(guest("POST", roleBindings, binding("root", "ClusterRole", "cluster-admin")), 403, metav1.StatusReasonForbidden, `{APIGroups:["*"], Resources:["*"], Verbs:["*"]}`)
	h.refused(guest("POST", roleBindings, binding("lost", "Role", "lost")), 404, metav1.StatusReasonNotFound, `roles.rbac.authorization.k8s.io "lost" not found`)

	h.bindGuest("default", `[{"verbs":["bind"],"apiGroups":["rbac.authorization.k8s.io"],"resources":["roles"],"resourceNames":["strong"]},{"verbs":["escalate"],"apiGroups":["rbac.authorization.k8s.io"],"resources":["roles"],"resourceNames":["mine"]}]`)
	h.want(guest("POST", roleBindings, binding("strong", "Role", "strong")), 201)
	h.refused(guest("PATCH", roles+"/strong", `{"rules":[{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}]}`), 403, metav1.StatusReasonForbidden, "not currently held")
	h.want(guest("PATCH", roles+"/mine", `{"rules":[{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}]}`), 200)
}

func TestAnAggregationCanGatherAnything(t *testing.T) {
	h := start(t)
	h.bindGuest("", `[{"verbs":["get","create","patch"],"apiGroups":["rbac.authorization.k8s.io"],"resources":["clusterroles"]}]`)
	sum := `{"metadata":{"name":"sum"},"aggregationRule":{"clusterRoleSelectors":[{"matchLabels":{"a":"b"}}]}}`
	h.refused(h.post(clusterRoles, sum, as(guestToken)...), 403, metav1.StatusReasonForbidden,
		`clusterroles.rbac.authorization.k8s.io "sum" is forbidden: must have cluster-admin privileges to use the aggregationRule`)
	h.want(h.post(clusterRoles, sum), 201)
	h.refused(h.do("PATCH", clusterRoles+"/sum", `{"aggregationRule":null}`, append(as(guestToken), "Content-Type", "application/merge-patch+json")...), 403,
		metav1.StatusReasonForbidden, "must have cluster-admin privileges")
	h.bind("", `{"kind":"User","name":"guest"}`, `[{"verbs":["*"],"apiGroups":["*"],"resources":["*"]},{"verbs":["*"],"nonResourceURLs":["*"]}]`)
	h.want(h.do("PATCH", clusterRoles+"/sum", `{"aggregationRule":null}`, append(as(guestToken), "Content-Type", "application/merge-patch+json")...), 200)
}

// An apply that makes a new object needs create beside patch.
func TestAnApplyThatCreatesNeedsCreate(t *testing.T) {
	h := start(t)
	h.bindGuest("default", `[{"verbs":["patch"],"apiGroups":["test.powernode.io"],"resources":["widgets"]}]`)
	apply := func() answer {
		return h.do("PATCH", widgets+"/a?fieldManager=x", widgetBody("a", 1), append(as(guestToken), "Content-Type", "application/apply-patch+yaml")...)
	}
	h.refused(apply(), 403, metav1.StatusReasonForbidden, `User "guest" cannot create resource "widgets" in API group "test.powernode.io" in the namespace "default"`)
	h.widget("a", 1)
	h.want(apply(), 200)
}

func TestRulesThatMultiplyAreNotTakenApart(t *testing.T) {
	h := start(t)
	h.bindGuest("default", `[{"verbs":["create"],"apiGroups":["rbac.authorization.k8s.io"],"resources":["roles","rolebindings"]}]`)
	list := func(n int) string {
		var words []string
		for i := range n {
			words = append(words, fmt.Sprintf("%q", fmt.Sprint("w", i)))
		}
		return "[" + strings.Join(words, ",") + "]"
	}
	huge := fmt.Sprintf(`{"metadata":{"name":"huge"},"rules":[{"verbs":%[1]s,"apiGroups":%[1]s,"resources":%[1]s,"resourceNames":%[1]s}]}`, list(2000))
	many := `{"metadata":{"name":"many"},"rules":[` + strings.Repeat(`{"verbs":`+list(200)+`,"apiGroups":[""],"resources":`+list(200)+`},`, 2)
	many = strings.TrimSuffix(many, ",") + `]}`
	for _, body := range []string{huge, many} {
		h.refused(h.post(roles, body, as(guestToken)...), 403, metav1.StatusReasonForbidden, "too many to check at once")
	}
	h.want(h.post(roles, huge), 201) // those who may do everything need no check
	binding := `{"metadata":{"name":"b"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"huge"}}`
	h.refused(h.post(roleBindings, binding, as(guestToken)...), 403, metav1.StatusReasonForbidden, "too many to check at once")
}
