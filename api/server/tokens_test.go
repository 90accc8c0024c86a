package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/server"
	v1 "github.com/powernode/powernode/api/v1"
)

const tokens = "/apis/powernode.io/v1/tokens"

func tokenBody(name, spec string) string {
	return fmt.Sprintf(`{"apiVersion":"powernode.io/v1","kind":"Token","metadata":{"name":%q},"spec":%s}`, name, spec)
}

func holding(token string) []string { return []string{"Authorization", "Bearer " + token} }

// secretOf is the secret in the answer to a create.
func secretOf(t testing.TB, a answer) (string, v1.TokenSpec) {
	t.Helper()
	var status v1.TokenStatus
	var spec v1.TokenSpec
	obj := a.object(t)
	if err := json.Unmarshal(obj.Status, &status); err != nil || status.Token == "" {
		t.Fatalf("no secret: %s", a)
	}
	if err := json.Unmarshal(obj.Spec, &spec); err != nil {
		t.Fatal(err)
	}
	return status.Token, spec
}

// whoAmI is who the server says that a token's bearer is.
func (h *harness) whoAmI(token string) authenticationv1.UserInfo {
	h.Helper()
	got := h.want(h.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", `{}`, holding(token)...), 201)
	var review authenticationv1.SelfSubjectReview
	if err := json.Unmarshal([]byte(got.body), &review); err != nil {
		h.Fatal(err)
	}
	return review.Status.UserInfo
}

func TestATokenIsShownOnce(t *testing.T) {
	h := start(t)
	w := h.stream(tokens + "?watch=1")
	got := h.want(h.post(tokens, tokenBody("ci", `{"user":"jane","groups":["dev"],"ttlSeconds":600}`)), 201)
	secret, spec := secretOf(t, got)
	if lasts := time.Until(spec.ExpiresAt.Time); lasts > 10*time.Minute || lasts < 9*time.Minute {
		t.Errorf("lasts %s", lasts)
	}
	if who := h.whoAmI(secret); who.Username != "jane" || strings.Join(who.Groups, " ") != "dev system:authenticated" {
		t.Errorf("got %+v", who)
	}
	for what, text := range map[string]string{
		"get": h.get(tokens + "/ci").body, "list": h.get(tokens).body, "watch": fmt.Sprint(w.next("ADDED")),
		"history": h.get(tokens + "/ci/history").body, "merge": h.merge(tokens+"/ci", `{"metadata":{"labels":{"a":"b"}}}`).body,
		"table":  h.get(tokens, "Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").body,
		"delete": h.do("DELETE", tokens+"/ci?dryRun=All", "").body,
	} {
		if strings.Contains(text, secret) || strings.Contains(text, secret[len(secret)-20:]) {
			t.Errorf("%s shows the secret", what)
		}
	}
	h.whoAmI(secret) // the label changed nothing about it
	obj, err := h.store.Get(context.Background(), api.Key{Kind: v1.Token, Name: "ci"})
	if err != nil {
		t.Fatal(err)
	}
	if stored, _ := obj.MarshalJSON(); bytes.Contains(stored, []byte(secret)) || len(obj.Status) == 0 {
		t.Errorf("stored %s", stored)
	}
	h.want(h.do("DELETE", tokens+"/ci", ""), 200)
	h.refused(h.get(widgets, holding(secret)...), 401, metav1.StatusReasonUnauthorized, "token")
}

func TestATokenIsTheCreatorsByDefault(t *testing.T) {
	h := start(t)
	secret, spec := secretOf(t, h.want(h.post(tokens, tokenBody("mine", `{}`)), 201))
	if lasts := time.Until(spec.ExpiresAt.Time); lasts > 30*24*time.Hour || lasts < 29*24*time.Hour {
		t.Errorf("lasts %s", lasts)
	}
	if who := h.whoAmI(secret); who.Username != "admin" || strings.Join(who.Groups, " ") != "system:masters system:authenticated" {
		t.Errorf("got %+v", who)
	}
	generated := h.want(h.post(tokens, `{"metadata":{"generateName":"x-"},"spec":{"user":"eve"}}`), 201)
	secret, _ = secretOf(t, generated)
	if who := h.whoAmI(secret); who.Username != "eve" || strings.Join(who.Groups, " ") != "system:authenticated" {
		t.Errorf("got %+v", who)
	}
}

func TestTokensThatCanNotBeMeant(t *testing.T) {
	h := start(t)
	past, far := time.Now().Add(-time.Minute).Format(time.RFC3339), time.Now().Add(400*24*time.Hour).Format(time.RFC3339)
	for spec, text := range map[string]string{
		`{"expiresAt":"` + past + `"}`:                     "spec.expiresAt: Invalid value: \"",
		`{"expiresAt":"` + far + `"}`:                      "must be within a year",
		`{"ttlSeconds":40000000}`:                          "spec.ttlSeconds",
		`{"ttlSeconds":1}`:                                 "spec.ttlSeconds",
		`{"ttlSeconds":600,"expiresAt":"` + far + `"}`:     "either ttlSeconds or expiresAt",
		`{"user":"system:anonymous"}`:                      "never anonymous",
		`{"user":"x","groups":["system:unauthenticated"]}`: "never anonymous",
	} {
		h.refused(h.post(tokens, tokenBody("x", spec)), 422, metav1.StatusReasonInvalid, text)
	}
	secret, _ := secretOf(t, h.want(h.post(tokens, tokenBody("fixed", `{"user":"jane","ttlSeconds":600}`)), 201))
	for _, change := range []string{`{"spec":{"user":"admin"}}`, `{"spec":{"groups":["system:masters"]}}`, `{"spec":{"ttlSeconds":60000}}`, `{"spec":{"expiresAt":"` + far + `"}}`} {
		h.refused(h.merge(tokens+"/fixed", change), 422, metav1.StatusReasonInvalid, "spec")
	}
	h.want(h.merge(tokens+"/fixed/status", `{"status":{"hash":"00"}}`), 404)
	h.want(h.merge(tokens+"/fixed", `{"status":{"hash":"00"}}`), 200)
	if who := h.whoAmI(secret); who.Username != "jane" {
		t.Errorf("got %+v", who)
	}
	dry := h.want(h.post(tokens+"?dryRun=All", tokenBody("dry", `{}`)), 201)
	if strings.Contains(dry.body, "pnt_") {
		t.Errorf("a dry run made a secret: %s", dry)
	}
	chosen := h.want(h.post(tokens, `{"metadata":{"name":"chosen"},"spec":{},"status":{"token":"pnt_chosen_mine","hash":"00"}}`), 201)
	if strings.Contains(chosen.body, "pnt_chosen_mine") {
		t.Errorf("a client chose its secret: %s", chosen)
	}
}

// roles gives a user a ClusterRole with these rules.
func (h *harness) role(user, rules string) {
	h.Helper()
	const rbac = "/apis/rbac.authorization.k8s.io/v1/"
	h.want(h.post(rbac+"clusterroles", fmt.Sprintf(`{"metadata":{"name":%q},"rules":%s}`, user, rules)), 201)
	h.want(h.post(rbac+"clusterrolebindings", fmt.Sprintf(`{"metadata":{"name":%q},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":%q},"subjects":[{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":%q}]}`, user, user, user)), 201)
}

func TestATokenForSomebodyElseNeedsTheRightToActAsHim(t *testing.T) {
	h := start(t, func(c *server.Config) {
		c.Authenticate = server.Tokens(map[string]server.User{
			adminToken: {Name: "admin", Groups: []string{server.Masters}},
			"plain":    {Name: "plain", Groups: []string{"dev"}}, "mighty": {Name: "mighty"},
		})
	})
	create := `{"verbs":["create"],"apiGroups":["powernode.io"],"resources":["tokens"]}`
	h.role("plain", "["+create+"]")
	h.role("mighty", "["+create+`,{"verbs":["impersonate"],"apiGroups":[""],"resources":["users","groups"],"resourceNames":["jane","ops"]}]`)
	for i, c := range []struct {
		by, spec string
		code     int
		text     string
	}{
		{"plain", `{}`, 201, ""},
		{"plain", `{"user":"plain","groups":["dev"]}`, 201, ""},
		{"plain", `{"user":"plain"}`, 201, ""},
		{"plain", `{"user":"jane"}`, 403, `cannot impersonate resource "users"`},
		{"plain", `{"groups":["ops"]}`, 403, `cannot impersonate resource "groups"`},
		{"plain", `{"user":"plain","groups":["system:masters"]}`, 403, `cannot impersonate resource "groups"`},
		{"plain", `{"user":"system:serviceaccount:default:robot"}`, 403, `cannot impersonate resource "serviceaccounts"`},
		{"mighty", `{"user":"jane","groups":["ops"]}`, 201, ""},
		{"mighty", `{"user":"jane","groups":["ops","system:masters"]}`, 403, "groups"},
		{"mighty", `{"user":"admin"}`, 403, "users"},
	} {
		got := h.want(h.post(tokens, tokenBody(fmt.Sprintf("t%d", i), c.spec), holding(c.by)...), c.code)
		if c.text != "" && !strings.Contains(got.body, strings.ReplaceAll(c.text, `"`, `\"`)) {
			t.Errorf("%s %s: got %s", c.by, c.spec, got)
		}
	}
	h.want(h.post(tokens, tokenBody("x", `{}`), holding("plain2")...), 401)
}

func TestSecretsOfTokensStayOutOfTheLog(t *testing.T) {
	var lines bytes.Buffer
	h := start(t, func(c *server.Config) {
		c.Log = slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	h.want(h.post("/api/v1/namespaces/default/serviceaccounts", `{"metadata":{"name":"robot"}}`), 201)
	secret, _ := secretOf(t, h.want(h.post(tokens, tokenBody("ci", `{}`)), 201))
	jwt := h.accountToken("robot", `{}`)
	for _, token := range []string{secret, jwt} {
		h.want(h.get(widgets+"/none", holding(token)...), map[bool]int{true: 404, false: 403}[token == secret])
		refused := h.get(widgets, holding(token+"x")...)
		h.want(refused, 401)
		review := h.want(h.post(tokenReviews, `{"spec":{"token":"`+token+`"}}`), 201)
		for what, text := range map[string]string{"log": lines.String(), "refusal": refused.body, "review": review.body} {
			if strings.Contains(text, token) || strings.Contains(text, token[len(token)-20:]) {
				t.Errorf("the %s shows a token: %s", what, text)
			}
		}
	}
	if !strings.Contains(lines.String(), "/token") {
		t.Error("the log does not tell of the calls")
	}
}

func TestTheTokenOfAServiceAccountEndsWithIt(t *testing.T) {
	h := start(t)
	const accounts = "/api/v1/namespaces/default/serviceaccounts"
	h.want(h.post(accounts, `{"metadata":{"name":"robot"}}`), 201)
	h.bind("", `{"kind":"ServiceAccount","name":"robot","namespace":"default"}`, `[{"verbs":["create"],"apiGroups":["powernode.io"],"resources":["tokens"]}]`)
	own, _ := secretOf(t, h.want(h.post(tokens, tokenBody("own", `{}`), holding(h.accountToken("robot", `{}`))...), 201))
	given, _ := secretOf(t, h.want(h.post(tokens, tokenBody("given", `{"user":"system:serviceaccount:default:robot"}`)), 201))
	for _, secret := range []string{own, given} {
		if who := h.whoAmI(secret); who.Username != "system:serviceaccount:default:robot" || who.UID == "" {
			t.Errorf("got %+v", who)
		}
	}
	h.want(h.do("DELETE", accounts+"/robot", ""), 200)
	h.refused(h.post(tokens, tokenBody("late", `{"user":"system:serviceaccount:default:robot"}`)), 422, metav1.StatusReasonInvalid, "must be a service account that exists")
	for _, state := range []string{"gone", "another of the same name"} {
		for _, secret := range []string{own, given} {
			h.refused(h.get(widgets, holding(secret)...), 401, metav1.StatusReasonUnauthorized, "token")
		}
		if state == "gone" {
			h.want(h.post(accounts, `{"metadata":{"name":"robot"}}`), 201)
		}
	}
}
