package identity_test

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/identity"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/store"
)

func (s *servers) token(name string, lifetime time.Duration) (*api.Object, string) {
	s.Helper()
	secret, hash := identity.MintToken(name)
	end := metav1.NewTime(s.clock.Add(lifetime))
	spec, _ := json.Marshal(v1.TokenSpec{User: "jane", Groups: []string{"dev"}, ExpiresAt: &end})
	status, _ := json.Marshal(v1.TokenStatus{Hash: hash})
	obj, err := s.objects.Create(context.Background(), &api.Object{
		TypeMeta: metav1.TypeMeta{APIVersion: api.APIVersion, Kind: "Token"}, ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec, Status: status,
	})
	if err != nil {
		s.Fatal(err)
	}
	return obj, secret
}

func TestATokenIsItsUserUntilItEnds(t *testing.T) {
	s := startServers(t)
	obj, secret := s.token("ci.main", time.Hour)
	if !regexp.MustCompile(`^pnt_ci\.main_[a-z2-7]{52}$`).MatchString(secret) || strings.Contains(string(obj.Status), secret) {
		t.Errorf("secret %s, status %s", secret, obj.Status)
	}
	user, ok, err := s.a.Authenticate(context.Background(), secret)
	if err != nil || !ok || user.Name != "jane" || strings.Join(user.Groups, " ") != "dev" || user.Extra[identity.TokenExtra][0] != "ci.main" {
		t.Errorf("got %+v %v %v", user, ok, err)
	}
	_, other := s.token("other", time.Hour)
	for why, token := range map[string]string{
		"of another name":     strings.Replace(other, "other", "ci.main", 1),
		"cut":                 secret[:len(secret)-1],
		"longer":              secret + "a",
		"upper case":          strings.ToUpper(secret),
		"without prefix":      strings.TrimPrefix(secret, "pnt_"),
		"no name":             "pnt_",
		"no secret":           "pnt_ci.main",
		"an empty secret":     "pnt_ci.main_",
		"nobody's":            "pnt_nobody_aaaa",
		"as long as can't be": "pnt_ci.main_" + strings.Repeat("a", 1<<20),
		"three parts":         "a.b.c",
		"the hash":            "pnt_ci.main_" + string(obj.Status),
		"nothing":             "",
	} {
		s.good(token, false, why)
	}
	if _, _, ok, _ := s.a.AuthenticateFor(context.Background(), secret, []string{"vault"}); ok {
		t.Error("a token of this API is taken for another audience")
	}
	s.clock = s.clock.Add(time.Hour - time.Second)
	s.good(secret, true, "before its end")
	s.clock = s.clock.Add(time.Second)
	s.good(secret, false, "at its end")
}

func TestARevokedTokenIsRefusedAtOnce(t *testing.T) {
	s := startServers(t)
	obj, secret := s.token("ci", time.Hour)
	s.good(secret, true, "in force")
	s.delete(obj)
	s.good(secret, false, "revoked")
	_, again := s.token("ci", time.Hour)
	s.good(secret, false, "revoked, and another has its name")
	s.good(again, true, "the other one")
}

func TestTokensAreRemovedSomeTimeAfterTheyEnded(t *testing.T) {
	s := startServers(t)
	short, _ := s.token("short", time.Hour)
	long, _ := s.token("long", 90*24*time.Hour)
	there := func(obj *api.Object) bool {
		if err := s.a.Tidy(context.Background()); err != nil {
			t.Fatal(err)
		}
		_, err := s.objects.Get(context.Background(), obj.Key())
		return err == nil
	}
	s.clock = s.clock.Add(time.Hour + identity.TokenKept)
	if !there(short) {
		t.Error("removed before its time")
	}
	s.clock = s.clock.Add(time.Second)
	if there(short) || !there(long) {
		t.Error("the one that ended must go, the other stay")
	}
	if _, err := s.objects.Delete(context.Background(), long.Key(), store.Preconditions{}); err != nil {
		t.Fatal(err)
	}
}
