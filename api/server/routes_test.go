package server_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/identity"
	"github.com/powernode/powernode/api/server"
	v1 "github.com/powernode/powernode/api/v1"
)

// openRoutes need no credential.
var openRoutes = map[string]bool{"/version": true, "/healthz": true, "/livez": true, "/readyz": true, "/health": true, "/health/live": true, "/health/ready": true}

// badTokens are credentials that are no longer, or never were, good, by what is wrong with them.
func badTokens(h *harness) map[string]string {
	h.Helper()
	h.want(h.post(accounts, `{"metadata":{"name":"gone"}}`), 201)
	h.want(h.post(accounts, `{"metadata":{"name":"stays"}}`), 201)
	bad := map[string]string{
		"none": "", "garbage": "garbage", "a JWT of nobody": "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL3Bvd2Vybm9kZS5sb2NhbCJ9.",
		"a deleted account's": h.accountToken("gone", `{}`), "for another audience": h.accountToken("stays", `{"audiences":["vault"]}`),
	}
	h.want(h.do("DELETE", accounts+"/gone", ""), 200)
	bad["a revoked token"], _ = secretOf(h, h.want(h.post(tokens, tokenBody("revoked", `{}`)), 201))
	h.want(h.do("DELETE", tokens+"/revoked", ""), 200)
	secret, hash := identity.MintToken("expired")
	past := metav1.NewTime(time.Now().Add(-time.Second))
	spec, _ := json.Marshal(v1.TokenSpec{User: "admin", Groups: []string{server.Masters}, ExpiresAt: &past})
	status, _ := json.Marshal(v1.TokenStatus{Hash: hash})
	_, err := h.store.Create(context.Background(), &api.Object{
		TypeMeta: metav1.TypeMeta{APIVersion: api.APIVersion, Kind: "Token"}, ObjectMeta: metav1.ObjectMeta{Name: "expired"}, Spec: spec, Status: status,
	})
	if err != nil {
		h.Fatal(err)
	}
	bad["an expired token"] = secret
	return bad
}

// Every route that the router has, and what the resource routes lead to, refuses every bad credential.
func TestNoRouteIsOpen(t *testing.T) {
	h := start(t)
	routes := [][2]string{
		{"GET", widgets + "?watch=1"}, {"GET", widgets}, {"POST", widgets}, {"DELETE", widgets}, {"GET", widgets + "/a"}, {"PUT", widgets + "/a"},
		{"PATCH", widgets + "/a"}, {"DELETE", widgets + "/a"}, {"GET", widgets + "/a/status"}, {"GET", widgets + "/a/history"},
		{"POST", accounts + "/stays/token"}, {"POST", tokenReviews}, {"GET", "/nowhere"}, {"OPTIONS", widgets}, {"HEAD", widgets},
	}
	for _, r := range h.server.Routes() {
		if !openRoutes[r[1]] {
			routes = append(routes, [2]string{r[0], strings.NewReplacer(":", "", "*", "x").Replace(r[1])})
		}
	}
	if len(routes) < 30 {
		t.Fatalf("only %d routes", len(routes))
	}
	forms := [][]string{{"Accept", "application/json"}, {"Accept", "text/event-stream"},
		{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="}}
	for what, token := range badTokens(h) {
		for i, r := range routes {
			header := append([]string{"Authorization", "Bearer " + token}, forms[i%len(forms)]...)
			if r[1] == widgets+"?watch=1" { // in each form
				for _, form := range forms {
					h.want(h.do(r[0], r[1], "", append([]string{"Authorization", "Bearer " + token}, form...)...), 401)
				}
			}
			got := h.do(r[0], r[1], "", header...)
			if got.code != 401 || !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") || token != "" && strings.Contains(got.body, token) {
				t.Errorf("%s: %s %s: got %s", what, r[0], r[1], got)
			}
		}
	}
}

// An account has no more rights in another namespace than it was given there: none.
func TestAnAccountOfAnotherNamespaceIsRefused(t *testing.T) {
	h := start(t)
	h.want(h.post("/api/v1/namespaces", `{"metadata":{"name":"other"}}`), 201)
	h.want(h.post(accounts, `{"metadata":{"name":"robot"}}`), 201)
	const rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/"
	h.want(h.post(rbac+"rolebindings", `{"metadata":{"name":"robot"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"cluster-admin"},"subjects":[{"kind":"ServiceAccount","name":"robot","namespace":"default"}]}`), 201)
	as := holding(h.accountToken("robot", `{}`))
	h.want(h.get("/api/v1/namespaces/default/configmaps", as...), 200)
	for _, path := range []string{"/api/v1/namespaces/other/configmaps", "/api/v1/namespaces/other/secrets?watch=1", "/api/v1/configmaps", tokens, "/metrics", "/runner/v1/lease"} {
		h.refused(h.get(path, as...), 403, metav1.StatusReasonForbidden, "system:serviceaccount:default:robot")
	}
	h.refused(h.post("/api/v1/namespaces/other/serviceaccounts/default/token", `{}`, as...), 403, metav1.StatusReasonForbidden, "serviceaccounts/token")
}
