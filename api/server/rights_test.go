package server_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api/server"
	"github.com/powernode/powernode/store"
)

// A right holds, and is gone, from the answer to the request on that gave or took it.
func TestAChangeOfRightsHoldsBeforeItsAnswer(t *testing.T) {
	h := start(t)
	for i := range 30 {
		role := h.bind("default", `{"kind":"User","name":"guest"}`, readWidgets)
		h.want(h.get(widgets, as(guestToken)...), 200)
		switch path := roleBindings + "/" + role; i % 3 {
		case 0:
			h.want(h.do("DELETE", path, ""), 200)
		case 1:
			h.want(h.merge(path, `{"subjects":[{"kind":"User","name":"other"}]}`), 200)
		case 2:
			h.want(h.merge(clusterRoles+"/"+role, `{"rules":[]}`), 200)
		}
		h.refused(h.get(widgets, as(guestToken)...), 403, metav1.StatusReasonForbidden, `User "guest" cannot list`)
	}
}

// Another server of the same store follows by watch.
func TestAChangeOfRightsHoldsOnOtherServersSoon(t *testing.T) {
	h := start(t)
	other := &harness{TB: t, store: h.store}
	var err error
	if other.server, err = server.New(server.Config{Store: h.store, Kinds: testKinds(t), Authenticate: server.Tokens(map[string]server.User{guestToken: {Name: "guest"}})}); err != nil {
		t.Fatal(err)
	}
	other.run(other.server, h.store)
	web := httptest.NewTLSServer(other.server)
	t.Cleanup(web.Close)
	other.URL, other.ca = web.URL, web.Certificate()
	other.want(other.get(widgets, as(guestToken)...), 403)
	role := h.bind("default", `{"kind":"User","name":"guest"}`, readWidgets)
	eventually(t, "the right on the other server", func() bool { return other.get(widgets, as(guestToken)...).code == 200 })
	h.want(h.do("DELETE", roleBindings+"/"+role, ""), 200)
	eventually(t, "its end on the other server", func() bool { return other.get(widgets, as(guestToken)...).code == 403 })
}

func TestStreamsEndWithTheRightToReadThem(t *testing.T) {
	h := start(t, withLog)
	h.widget("a", 1)
	give := func() (take func()) {
		role := h.bind("default", `{"kind":"User","name":"guest"}`, `[{"verbs":["get","list","watch"],"apiGroups":["test.powernode.io"],"resources":["widgets","widgets/log"]}]`)
		return func() { h.want(h.do("DELETE", roleBindings+"/"+role, ""), 200) }
	}
	take := give()
	kept := h.stream(widgets+"?watch=1", "Authorization", "Bearer "+adminToken)
	kept.next("ADDED")
	w := h.stream(widgets+"?watch=1", as(guestToken)...)
	w.next("ADDED")
	sse := h.stream(widgets, append(as(guestToken), "Accept", "text/event-stream")...)
	sse.line()
	conn, _, err := h.dial(widgets+"?watch=1", http.Header{"Authorization": {"Bearer " + guestToken}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	frames := &socket{h, conn}
	frames.next("ADDED")
	res, err := h.transport().RoundTrip(h.request("GET", widgets+"/a/log?follow=true", "", as(guestToken)...))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	take()

	if got := string(w.next("ERROR").Object); !strings.Contains(got, `"code":403`) || !strings.Contains(got, `User \"guest\" cannot watch`) {
		t.Errorf("the watch ended with %s", got)
	}
	w.over()
	var last string
	for line, ok := sse.line(); ok; line, ok = sse.line() {
		last += line + "\n"
	}
	if !strings.Contains(last, `"type":"ERROR"`) {
		t.Errorf("the events ended with %s", last)
	}
	if got := string(frames.next("ERROR").Object); !strings.Contains(got, `"code":403`) {
		t.Errorf("the frames ended with %s", got)
	}
	frames.closed(websocket.StatusPolicyViolation)
	if _, err := io.ReadAll(res.Body); err != nil { // ends
		t.Error(err)
	}
	h.widget("b", 1)
	kept.next("ADDED")
}

// Nothing tells when a token ends: those who have a stream open are asked again.
func TestAStreamEndsWhenItsTokenDoes(t *testing.T) {
	var revoked atomic.Bool
	h := start(t, func(c *server.Config) {
		tokens := c.Authenticate
		c.Authenticate = func(ctx context.Context, token string) (server.User, bool, error) {
			user, ok, err := tokens(ctx, token)
			return user, ok && !(token == guestToken && revoked.Load()), err
		}
	})
	h.bindGuest("default", readWidgets)
	h.widget("a", 1)
	w := h.stream(widgets+"?watch=1", as(guestToken)...)
	w.next("ADDED")
	revoked.Store(true)
	if got := string(w.next("ERROR").Object); !strings.Contains(got, `"code":401`) {
		t.Errorf("the watch ended with %s", got)
	}
	w.over()
}

func TestWithoutAPolicyOnlyMastersGoOn(t *testing.T) {
	broken := &unlisted{}
	h := start(t, func(c *server.Config) { broken.Store, c.Store = c.Store, broken })
	h.bindGuest("default", readWidgets)
	h.want(h.get(widgets, as(guestToken)...), 200)
	broken.down.Store(true)
	h.want(h.get(widgets, as(guestToken)...), 200) // by what was known last
	h.want(h.get(widgets), 200)
}

// unlisted is a store whose roles and bindings can't be read.
type unlisted struct {
	store.Store
	down atomic.Bool
}

func (u *unlisted) List(ctx context.Context, kind string, opts store.ListOptions) (store.List, error) {
	if u.down.Load() && strings.HasSuffix(kind, ".rbac.authorization.k8s.io") {
		return store.List{}, errors.New("the wire is cut")
	}
	return u.Store.List(ctx, kind, opts)
}

func TestImpersonation(t *testing.T) {
	h := start(t)
	h.bind("default", `{"kind":"User","name":"guest"}`, readWidgets)
	h.bind("default", `{"kind":"Group","name":"team"}`, readWidgets)
	h.bind("default", `{"kind":"ServiceAccount","name":"bot","namespace":"default"}`, readWidgets)
	who := func(header ...string) string {
		return h.want(h.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", `{}`, header...), 201).body
	}
	// A master may act as anybody, and is that user then.
	h.want(h.get(widgets, "Impersonate-User", "guest"), 200)
	h.refused(h.get(widgets, "Impersonate-User", "nobody"), 403, metav1.StatusReasonForbidden, `User "nobody" cannot list resource "widgets"`)
	h.want(h.get(widgets, "Impersonate-User", "nobody", "Impersonate-Group", "team"), 200)
	h.want(h.get(widgets, "Impersonate-User", "system:serviceaccount:default:bot"), 200)
	contains(t, "groups", who("Impersonate-User", "system:serviceaccount:default:bot"), `"groups":["system:serviceaccounts","system:serviceaccounts:default","system:authenticated"]`)
	contains(t, "user", who("Impersonate-User", "u", "Impersonate-Uid", "7", "Impersonate-Group", "g", "Impersonate-Extra-example.org%2fscope", "x"),
		`"username":"u"`, `"uid":"7"`, `"groups":["g","system:authenticated"]`, `"extra":{"example.org/scope":["x"]}`)

	for _, header := range []string{"Impersonate-Group", "Impersonate-Uid", "Impersonate-Extra-a"} {
		h.refused(h.get(widgets, header, "x"), 400, metav1.StatusReasonBadRequest, "the header Impersonate-User is missing")
	}
	h.refused(h.get(widgets, "Impersonate-User", "u", "Impersonate-Else", "x"), 400, metav1.StatusReasonBadRequest, "Impersonate-Else")

	// Who is no master needs a rule for each part of whom he acts as.
	h.bindGuest("", `[{"verbs":["impersonate"],"apiGroups":[""],"resources":["users"],"resourceNames":["ann"]},
		{"verbs":["impersonate"],"apiGroups":[""],"resources":["groups"],"resourceNames":["team"]},
		{"verbs":["impersonate"],"apiGroups":["authentication.k8s.io"],"resources":["userextras/scope"],"resourceNames":["read"]},
		{"verbs":["impersonate"],"apiGroups":["authentication.k8s.io"],"resources":["uids"],"resourceNames":["7"]}]`)
	h.bindGuest("default", `[{"verbs":["impersonate"],"apiGroups":[""],"resources":["serviceaccounts"]}]`)
	guest := func(header ...string) answer { return h.get(widgets, append(as(guestToken), header...)...) }
	h.want(guest("Impersonate-User", "ann", "Impersonate-Group", "team", "Impersonate-Extra-Scope", "read", "Impersonate-Uid", "7"), 200)
	h.want(guest("Impersonate-User", "system:serviceaccount:default:bot"), 200)
	for want, header := range map[string][]string{
		`users "ben" is forbidden: User "guest" cannot impersonate resource "users" in API group "" at the cluster scope`:                         {"Impersonate-User", "ben"},
		`groups "system:masters" is forbidden: User "guest" cannot impersonate resource "groups" in API group "" at the cluster scope`:            {"Impersonate-User", "ann", "Impersonate-Group", "system:masters"},
		`serviceaccounts "bot" is forbidden: User "guest" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "other"`: {"Impersonate-User", "system:serviceaccount:other:bot"},
		`User "guest" cannot impersonate resource "userextras/scope" in API group "authentication.k8s.io" at the cluster scope`:                   {"Impersonate-User", "ann", "Impersonate-Extra-Scope", "write"},
		`User "guest" cannot impersonate resource "uids" in API group "authentication.k8s.io" at the cluster scope`:                               {"Impersonate-User", "ann", "Impersonate-Uid", "8"},
	} {
		h.refused(guest(header...), 403, metav1.StatusReasonForbidden, want)
	}
	// What the real user may do counts for nothing then.
	h.refused(guest("Impersonate-User", "ann"), 403, metav1.StatusReasonForbidden, `User "ann" cannot list`)
}

// The right to act as another is looked at again too.
func TestAStreamEndsWithTheRightToImpersonate(t *testing.T) {
	h := start(t)
	h.bind("default", `{"kind":"User","name":"ann"}`, readWidgets)
	role := h.bind("", `{"kind":"User","name":"guest"}`, `[{"verbs":["impersonate"],"apiGroups":[""],"resources":["users"]}]`)
	h.widget("a", 1)
	w := h.stream(widgets+"?watch=1", append(as(guestToken), "Impersonate-User", "ann")...)
	w.next("ADDED")
	h.want(h.do("DELETE", clusterRoleBindings+"/"+role, ""), 200)
	if got := string(w.next("ERROR").Object); !strings.Contains(got, "cannot impersonate") {
		t.Errorf("the watch ended with %s", got)
	}
}

func TestTheDefaultsAreRestoredAtTheStart(t *testing.T) {
	h := start(t)
	h.want(h.do("DELETE", clusterRoles+"/system:discovery", ""), 200)
	h.want(h.merge(clusterRoles+"/system:basic-user", `{"rules":[{"verbs":["get"],"apiGroups":[""],"resources":["mine"]}]}`), 200)
	h.want(h.merge(clusterRoles+"/system:runner", `{"metadata":{"annotations":{"rbac.authorization.kubernetes.io/autoupdate":"false"}},"rules":[]}`), 200)
	h.want(h.merge(clusterRoles+"/edit", `{"aggregationRule":{"clusterRoleSelectors":[{"matchLabels":{"mine":"too"}}]},"metadata":{"labels":null}}`), 200)
	h.want(h.merge(clusterRoles+"/view", `{"rules":[]}`), 200) // as the controller may leave it
	h.want(h.merge(clusterRoleBindings+"/system:basic-user", `{"subjects":[{"kind":"User","name":"mine"}]}`), 200)
	seed := func() {
		t.Helper()
		if err := server.SeedRoles(t.Context(), h.store); err != nil {
			t.Fatal(err)
		}
	}
	seed()
	h.want(h.get(clusterRoles+"/system:discovery"), 200)
	contains(t, "rules", h.get(clusterRoles+"/system:basic-user").body, `"resources":["mine"]`, `"selfsubjectaccessreviews"`, `"selfsubjectreviews"`)
	contains(t, "left alone", h.get(clusterRoles+"/system:runner").body, `"rules":[]`)
	contains(t, "edit", h.get(clusterRoles+"/edit").body, `{"matchLabels":{"mine":"too"}}`, `aggregate-to-edit":"true"`, `aggregate-to-admin":"true"`)
	contains(t, "left to the controller", h.get(clusterRoles+"/view").body, `"rules":[]`)
	contains(t, "subjects", h.get(clusterRoleBindings+"/system:basic-user").body, `"name":"mine"`, `"name":"system:authenticated"`)
	before, err := h.store.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seed()
	if after, _ := h.store.Revision(t.Context()); after != before {
		t.Errorf("what is complete was written: %v, then %v", before, after)
	}
}
