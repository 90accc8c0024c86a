package server_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	accounts     = "/api/v1/namespaces/default/serviceaccounts"
	tokenReviews = "/apis/authentication.k8s.io/v1/tokenreviews"
)

func (h *harness) tokenRequest(account, spec string) authenticationv1.TokenRequest {
	h.Helper()
	got := h.want(h.post(accounts+"/"+account+"/token", `{"spec":`+spec+`}`), 201)
	var review authenticationv1.TokenRequest
	if err := json.Unmarshal([]byte(got.body), &review); err != nil || review.Kind != "TokenRequest" || review.Name != account {
		h.Fatalf("%v: %s", err, got)
	}
	return review
}

func (h *harness) accountToken(account, spec string) string {
	h.Helper()
	return h.tokenRequest(account, spec).Status.Token
}

func TestTokensOfServiceAccounts(t *testing.T) {
	h := start(t)
	robot := h.want(h.post(accounts, `{"metadata":{"name":"robot"}}`), 201).object(t)
	got := h.tokenRequest("robot", `{}`)
	if lasts := time.Until(got.Status.ExpirationTimestamp.Time); lasts > time.Hour || lasts < 50*time.Minute || *got.Spec.ExpirationSeconds != 3600 {
		t.Errorf("lasts %s", lasts)
	}
	who := h.whoAmI(got.Status.Token)
	if who.Username != "system:serviceaccount:default:robot" || who.UID != string(robot.UID) ||
		strings.Join(who.Groups, " ") != "system:serviceaccounts system:serviceaccounts:default system:authenticated" {
		t.Errorf("got %+v", who)
	}
	long := h.tokenRequest("robot", `{"expirationSeconds":1000000}`)
	if lasts := time.Until(long.Status.ExpirationTimestamp.Time); lasts > 24*time.Hour || lasts < 23*time.Hour {
		t.Errorf("lasts %s", lasts)
	}
	dry := h.want(h.post(accounts+"/robot/token?dryRun=All", `{}`), 201)
	if strings.Contains(dry.body, "eyJ") {
		t.Errorf("a dry run made a token: %s", dry)
	}
	h.want(h.do("DELETE", accounts+"/robot", ""), 200)
	h.want(h.get(widgets, holding(got.Status.Token)...), 401)
	h.want(h.post(accounts, `{"metadata":{"name":"robot"}}`), 201)
	h.want(h.get(widgets, holding(got.Status.Token)...), 401)
}

func TestTokenRequestsThatCanNotBeMeant(t *testing.T) {
	h := start(t)
	h.want(h.post(accounts, `{"metadata":{"name":"robot"}}`), 201)
	for body, want := range map[string]struct {
		code   int
		reason metav1.StatusReason
		text   string
	}{
		`{"spec":{"expirationSeconds":599}}`:                                         {422, metav1.StatusReasonInvalid, "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes"},
		`{"spec":{"expirationSeconds":5000000000}}`:                                  {422, metav1.StatusReasonInvalid, "larger than 2^32 seconds"},
		`{"metadata":{"name":"other"}}`:                                              {400, metav1.StatusReasonBadRequest, "does not match the name on the URL"},
		`{"metadata":{"namespace":"other"}}`:                                         {400, metav1.StatusReasonBadRequest, "does not match the namespace"},
		`{"kind":"Widget","apiVersion":"v1"}`:                                        {400, metav1.StatusReasonBadRequest, "not TokenRequest"},
		`{"spec":{"boundObjectRef":{"kind":"Pod","apiVersion":"v1","name":"p"}}}`:    {400, metav1.StatusReasonBadRequest, "cannot bind token for object of type"},
		`{"spec":{"boundObjectRef":{"kind":"Secret","apiVersion":"v1","name":"p"}}}`: {404, metav1.StatusReasonNotFound, `secrets "p" not found`},
		`[]`: {400, metav1.StatusReasonBadRequest, "read TokenRequest"},
	} {
		h.refused(h.post(accounts+"/robot/token", body), want.code, want.reason, want.text)
	}
	h.want(h.post(accounts+"/nobody/token", `{}`), 404)
	h.want(h.get(accounts+"/robot/token"), 405)
	secret := h.want(h.post("/api/v1/namespaces/default/secrets", `{"metadata":{"name":"s"}}`), 201).object(t)
	ref := `{"kind":"Secret","apiVersion":"v1","name":"s","uid":%q}`
	h.refused(h.post(accounts+"/robot/token", `{"spec":{"boundObjectRef":`+fmt.Sprintf(ref, "other")+`}}`), 409, metav1.StatusReasonConflict, "does not match the UID in record")
	token := h.accountToken("robot", `{"boundObjectRef":`+fmt.Sprintf(ref, secret.UID)+`}`)
	h.whoAmI(token)
	h.want(h.do("DELETE", "/api/v1/namespaces/default/secrets/s", ""), 200)
	h.want(h.get(widgets, holding(token)...), 401)
}

func TestTokenReviews(t *testing.T) {
	h := start(t)
	h.want(h.post(accounts, `{"metadata":{"name":"robot"}}`), 201)
	review := func(token, audiences string) authenticationv1.TokenReviewStatus {
		t.Helper()
		got := h.want(h.post(tokenReviews, fmt.Sprintf(`{"spec":{"token":%q,"audiences":%s}}`, token, audiences)), 201)
		var review authenticationv1.TokenReview
		if err := json.Unmarshal([]byte(got.body), &review); err != nil {
			t.Fatal(err)
		}
		return review.Status
	}
	vault := h.accountToken("robot", `{"audiences":["vault"]}`)
	h.want(h.get(widgets, holding(vault)...), 401)
	for _, c := range []struct{ token, asked, user, audiences string }{
		{vault, `["vault","x"]`, "system:serviceaccount:default:robot", "vault"},
		{vault, `[]`, "", ""},
		{vault, `["x"]`, "", ""},
		{h.accountToken("robot", `{}`), `null`, "system:serviceaccount:default:robot", "https://powernode.local"},
		{adminToken, `[]`, "admin", "https://powernode.local"},
		{adminToken, `["vault"]`, "", ""},
		{"nobody's", `[]`, "", ""},
	} {
		got := review(c.token, c.asked)
		if got.User.Username != c.user || strings.Join(got.Audiences, " ") != c.audiences || got.Authenticated != (c.user != "") || (got.Error == "") != got.Authenticated {
			t.Errorf("%s: got %+v", c.asked, got)
		}
	}
	h.refused(h.post(tokenReviews, `{}`), 400, metav1.StatusReasonBadRequest, "spec.token")
	h.refused(h.post(tokenReviews, `{"spec":{"token":"x"}}`, holding(guestToken)...), 403, metav1.StatusReasonForbidden, "tokenreviews")
}

func TestThePublicKeysAreShown(t *testing.T) {
	h := start(t)
	h.want(h.post(accounts, `{"metadata":{"name":"robot"}}`), 201)
	h.accountToken("robot", `{}`)
	for i := 1; i <= 2; i++ {
		got := h.want(h.get("/openid/v1/jwks"), 200)
		keys, _ := got.json(t)["keys"].([]any)
		if len(keys) != i || strings.Contains(got.body, `"d":`) {
			t.Errorf("got %s", got)
		}
		h.want(h.post("/openid/v1/jwks", ""), 200)
	}
	contains(t, "configuration", h.want(h.get("/.well-known/openid-configuration"), 200).body,
		`"issuer":"https://powernode.local"`, `"jwks_uri":"https://powernode.local/openid/v1/jwks"`)
	for _, path := range []string{"/openid/v1/jwks", "/.well-known/openid-configuration"} {
		h.want(h.get(path, "Authorization", ""), 401)
		h.want(h.get(path, holding(guestToken)...), 403)
	}
	h.want(h.post("/openid/v1/jwks", "", holding(guestToken)...), 403)
}
