package server_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api/server"
)

const reviews = "/apis/authorization.k8s.io/v1/"

// as is the header of a user's requests.
func as(token string) []string { return []string{"Authorization", "Bearer " + token} }

// bindGuest gives the guest a ClusterRole with the rules, in a namespace or, where that is empty, everywhere.
func (h *harness) bindGuest(namespace, rules string) {
	h.Helper()
	h.bind(namespace, `{"kind":"User","name":"guest"}`, rules)
}

func (h *harness) bind(namespace, subject, rules string) (role string) {
	h.Helper()
	role = h.want(h.post("/apis/rbac.authorization.k8s.io/v1/clusterroles", `{"metadata":{"generateName":"r-"},"rules":`+rules+`}`), 201).object(h).Name
	path := "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
	if namespace != "" {
		path = "/apis/rbac.authorization.k8s.io/v1/namespaces/" + namespace + "/rolebindings"
	}
	h.want(h.post(path, fmt.Sprintf(`{"metadata":{"name":%q},"roleRef":{"kind":"ClusterRole","name":%q},"subjects":[%s]}`, role, role, subject)), 201)
	return role
}

const readWidgets = `[{"verbs":["get","list","watch"],"apiGroups":["test.powernode.io"],"resources":["widgets"]}]`

func TestAccessReviewsAnswerAsRequestsAreAnswered(t *testing.T) {
	h := start(t)
	h.bindGuest("default", `[{"verbs":["get","list"],"apiGroups":["*"],"resources":["*"]},{"verbs":["impersonate"],"apiGroups":[""],"resources":["groups"]}]`)
	h.bindGuest("", `[{"verbs":["get"],"nonResourceURLs":["/logs/*"]}]`)
	for attributes, want := range map[string]bool{
		`"resourceAttributes":{"verb":"get","group":"test.powernode.io","resource":"widgets","namespace":"default"}`:                         true,
		`"resourceAttributes":{"verb":"get","group":"test.powernode.io","resource":"widgets","subresource":"status","namespace":"default"}`:  true,
		`"resourceAttributes":{"verb":"get","group":"test.powernode.io","resource":"widgets","subresource":"nothing","namespace":"default"}`: false,
		`"resourceAttributes":{"verb":"get","group":"test.powernode.io","resource":"widgets"}`:                                               false,
		`"resourceAttributes":{"verb":"delete","group":"test.powernode.io","resource":"widgets","namespace":"default"}`:                      false,
		`"resourceAttributes":{"verb":"get","group":"apps","resource":"deployments","namespace":"default"}`:                                  false,
		`"resourceAttributes":{"verb":"get","resource":"pods","namespace":"default"}`:                                                        false,
		`"resourceAttributes":{"verb":"impersonate","resource":"groups","name":"g","namespace":"default"}`:                                   true,
		`"resourceAttributes":{"verb":"*","group":"*","resource":"*","namespace":"default"}`:                                                 false,
		`"nonResourceAttributes":{"verb":"get","path":"/logs/x"}`:                                                                            true,
		`"nonResourceAttributes":{"verb":"get","path":"/metrics"}`:                                                                           false,
	} {
		var self, other authorizationv1.SelfSubjectAccessReview
		body := `{"spec":{` + attributes + `}}`
		decode(t, h.want(h.post(reviews+"selfsubjectaccessreviews", body, as(guestToken)...), 201).body, &self)
		decode(t, h.want(h.post(reviews+"subjectaccessreviews", `{"spec":{"user":"guest",`+attributes+`}}`), 201).body, &other)
		if self.Status.Allowed != want || other.Status.Allowed != want || self.Kind != "SelfSubjectAccessReview" || other.Kind != "SubjectAccessReview" {
			t.Errorf("%s: %+v, %+v", attributes, self.Status, other.Status)
		}
		if want != strings.Contains(self.Status.Reason, "RBAC: allowed by") {
			t.Errorf("%s: reason %q", attributes, self.Status.Reason)
		}
	}
	h.refused(h.post(reviews+"subjectaccessreviews", `{"spec":{"user":"x","nonResourceAttributes":{"path":"/"}}}`, as(guestToken)...), 403, metav1.StatusReasonForbidden,
		`User "guest" cannot create resource "subjectaccessreviews" in API group "authorization.k8s.io" at the cluster scope`)
}

func TestAMasterMayDoAllThatIsServed(t *testing.T) {
	h := start(t)
	for attributes, want := range map[string]bool{`{"verb":"*","resource":"*","group":"*"}`: true, `{"verb":"delete","resource":"secrets"}`: true, `{"verb":"get","resource":"pods"}`: false} {
		var review authorizationv1.SelfSubjectAccessReview
		decode(t, h.want(h.post(reviews+"selfsubjectaccessreviews", `{"spec":{"resourceAttributes":`+attributes+`}}`), 201).body, &review)
		if review.Status.Allowed != want {
			t.Errorf("%s: %+v", attributes, review.Status)
		}
	}
}

func TestALocalReviewIsOfItsNamespaceOnly(t *testing.T) {
	h := start(t)
	h.want(h.post("/api/v1/namespaces", `{"metadata":{"name":"other"}}`), 201)
	h.bindGuest("default", `[{"verbs":["create"],"apiGroups":["authorization.k8s.io"],"resources":["localsubjectaccessreviews"]},{"verbs":["get"],"apiGroups":[""],"resources":["secrets"]}]`)
	local := func(namespace, body string) answer {
		return h.post(reviews+"namespaces/"+namespace+"/localsubjectaccessreviews", body, as(guestToken)...)
	}
	var review authorizationv1.LocalSubjectAccessReview
	decode(t, h.want(local("default", `{"spec":{"user":"guest","resourceAttributes":{"verb":"get","resource":"secrets","namespace":"default"}}}`), 201).body, &review)
	if !review.Status.Allowed {
		t.Errorf("got %+v", review.Status)
	}
	h.refused(local("other", `{}`), 403, metav1.StatusReasonForbidden, `"localsubjectaccessreviews"`)
	for body, message := range map[string]string{
		`{"spec":{"user":"guest","resourceAttributes":{"verb":"get","resource":"secrets","namespace":"other"}}}`: "spec.resourceAttributes.namespace",
		`{"spec":{"user":"guest","nonResourceAttributes":{"verb":"get","path":"/"}}}`:                            "spec.nonResourceAttributes",
		`{"spec":{"resourceAttributes":{"verb":"get","namespace":"default"}}}`:                                   "spec.user: Invalid value: \"\": at least one of user or group must be specified",
		`{"spec":{"user":"guest"}}`: "spec.resourceAttributes: Invalid value: exactly one of nonResourceAttributes or resourceAttributes must be specified",
		`{"metadata":{"name":"x"},"spec":{"user":"guest","resourceAttributes":{"namespace":"default"}}}`: "metadata: Invalid value: must be empty",
	} {
		h.refused(local("default", body), 422, metav1.StatusReasonInvalid, message)
	}
	h.refused(h.post(reviews+"localsubjectaccessreviews", `{}`), 404, metav1.StatusReasonNotFound, "could not find the requested resource")
}

func TestARulesReviewListsWhatTheAskerMayDo(t *testing.T) {
	h := start(t)
	h.bindGuest("default", readWidgets)
	h.bindGuest("default", readWidgets) // the same again
	var review authorizationv1.SelfSubjectRulesReview
	decode(t, h.want(h.post(reviews+"selfsubjectrulesreviews", `{"spec":{"namespace":"default"}}`, as(guestToken)...), 201).body, &review)
	var got []string
	for _, r := range review.Status.ResourceRules {
		got = append(got, fmt.Sprint(r.Verbs, r.APIGroups, r.Resources))
	}
	want := []string{"[create] [authorization.k8s.io] [selfsubjectaccessreviews selfsubjectrulesreviews]",
		"[create] [authentication.k8s.io] [selfsubjectreviews]", "[get list watch] [test.powernode.io] [widgets]"}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || review.Status.Incomplete {
		t.Errorf("got %q", got)
	}
	if len(review.Status.NonResourceRules) == 0 {
		t.Error("no paths")
	}
	decode(t, h.want(h.post(reviews+"selfsubjectrulesreviews", `{"spec":{"namespace":"default"}}`), 201).body, &review)
	if r := review.Status.ResourceRules[0]; r.Verbs[0] != "*" || r.APIGroups[0] != "*" || r.Resources[0] != "*" {
		t.Errorf("a master has %+v", r)
	}
	h.refused(h.post(reviews+"selfsubjectrulesreviews", `{}`), 400, metav1.StatusReasonBadRequest, "spec.namespace")
}

func TestWhoAmI(t *testing.T) {
	h := start(t, func(c *server.Config) {
		c.Authenticate = server.Tokens(map[string]server.User{
			adminToken: {Name: "admin", Groups: []string{server.Masters}},
			guestToken: {Name: "guest", UID: "u-1", Groups: []string{"staff"}, Extra: map[string][]string{"scope": {"a", "b"}}},
		})
	})
	got := h.want(h.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", `{}`, as(guestToken)...), 201).body
	contains(t, "review", got, `"username":"guest"`, `"uid":"u-1"`, `"groups":["staff","system:authenticated"]`, `"extra":{"scope":["a","b"]}`)
}

func decode(t testing.TB, body string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), into); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
}

func TestRulesAreListedOnceHoweverManyThereAre(t *testing.T) {
	h := start(t)
	const reviews = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
	var rules []string
	for i := range 20_000 { // compared with each other they would take longer than a request may
		rules = append(rules, fmt.Sprintf(`{"verbs":["get"],"apiGroups":["g%d"],"resources":["x"]}`, i))
	}
	h.bindGuest("default", "["+strings.Join(append(rules, rules[7]), ",")+"]")
	got := h.want(h.post(reviews, `{"spec":{"namespace":"default"}}`, as(guestToken)...), 201).body
	for _, group := range []string{`"g7"`, `"g19999"`} {
		if n := strings.Count(got, group); n != 1 {
			t.Errorf("%s is there %d times", group, n)
		}
	}
}
