package identity_test

import (
	"context"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/powernode/powernode/api/identity"
	"github.com/powernode/powernode/api/identity/identitytest"
	"github.com/powernode/powernode/store/memory"
)

func startProvider(t testing.TB) *identitytest.Provider { return identitytest.Start(t, "powernode") }

func trusting(p *identitytest.Provider) *identity.OIDC {
	return &identity.OIDC{Issuer: p.URL, ClientID: p.ClientID, CA: p.CA(), UsernamePrefix: "oidc:", GroupsClaim: "groups"}
}

func TestIDTokens(t *testing.T) {
	p, other := startProvider(t), startProvider(t)
	for what, c := range map[string]struct {
		change func(*identity.OIDC)
		token  string
		want   string // name and groups; "" is refused
	}{
		"usual":                   {nil, p.Sign(nil), "oidc:jane"},
		"groups as a list":        {nil, p.Sign(map[string]any{"groups": []string{"dev", "ops", "dev"}}), "oidc:jane dev ops"},
		"groups as a string":      {nil, p.Sign(map[string]any{"groups": "dev"}), "oidc:jane dev"},
		"groups as a number":      {nil, p.Sign(map[string]any{"groups": 7}), ""},
		"expired":                 {nil, p.Sign(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}), ""},
		"groups of no name":       {func(o *identity.OIDC) { o.GroupsClaim = "" }, p.Sign(map[string]any{"": "ops", "groups": "dev"}), "oidc:jane"},
		"another client's":        {nil, p.Sign(map[string]any{"aud": "other"}), ""},
		"one of several":          {nil, p.Sign(map[string]any{"aud": []string{"other", "powernode"}}), "oidc:jane"},
		"another issuer's":        {nil, other.Sign(nil), ""},
		"signed by somebody else": {nil, other.Sign(map[string]any{"iss": p.URL}), ""},
		"no name":                 {nil, p.Sign(map[string]any{"sub": ""}), ""},
		"the system's groups":     {nil, p.Sign(map[string]any{"groups": []string{"system:masters", "dev"}}), "oidc:jane dev"},
		"a prefix makes them so":  {func(o *identity.OIDC) { o.GroupsPrefix = "system:" }, p.Sign(map[string]any{"groups": "masters"}), "oidc:jane"},
		"the system's name":       {func(o *identity.OIDC) { o.UsernamePrefix = "" }, p.Sign(map[string]any{"sub": "system:admin"}), ""},
		"a prefixed group":        {func(o *identity.OIDC) { o.GroupsPrefix = "idp:" }, p.Sign(map[string]any{"groups": "system:masters"}), "oidc:jane idp:system:masters"},
		"verified address":        {email, p.Sign(map[string]any{"email": "j@x.io", "email_verified": true}), "j@x.io"},
		"unverified address":      {email, p.Sign(map[string]any{"email": "j@x.io", "email_verified": false}), ""},
		"required":                {required, p.Sign(map[string]any{"hd": "x.io"}), "oidc:jane"},
		"required, another":       {required, p.Sign(map[string]any{"hd": "y.io"}), ""},
		"required, missing":       {required, p.Sign(nil), ""},
	} {
		t.Run(what, func(t *testing.T) {
			o := trusting(p)
			if c.change != nil {
				c.change(o)
			}
			s := &identity.Service{Store: &memory.Store{}, OIDC: o}
			user, ok, err := s.Authenticate(context.Background(), c.token)
			if got := strings.Join(append([]string{user.Name}, user.Groups...), " "); err != nil || got != c.want || ok != (c.want != "") {
				t.Errorf("got %q %v %v, want %q", got, ok, err, c.want)
			}
		})
	}
}

func email(o *identity.OIDC)    { o.UsernameClaim, o.UsernamePrefix = "email", "" }
func required(o *identity.OIDC) { o.Required = map[string]string{"hd": "x.io"} }

func TestTheKeysOfAProviderChange(t *testing.T) {
	p := startProvider(t)
	s := &identity.Service{Store: &memory.Store{}, OIDC: trusting(p)}
	before := p.Sign(nil)
	check := func(token string, want bool) {
		t.Helper()
		if _, ok, err := s.Authenticate(context.Background(), token); ok != want || err != nil {
			t.Errorf("got %v %v, want %v", ok, err, want)
		}
	}
	check(before, true)
	p.Rotate("second")
	check(p.Sign(nil), true)
	// The library exchanges its keys a moment after it has used the new ones.
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if _, ok, _ := s.Authenticate(context.Background(), before); !ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("a token of the key before is still taken")
		}
	}
}

// All other logins work while a provider is away, and its own once it is back.
func TestAProviderMayBeAway(t *testing.T) {
	p := startProvider(t)
	p.Change(func(m *identitytest.Manners) { m.Away = true })
	servers := startServers(t)
	servers.a.OIDC = trusting(p)
	_, secret := servers.token("ci", time.Hour)
	_, ok, err := servers.a.Authenticate(context.Background(), p.Sign(nil))
	if ok || !apierrors.IsServiceUnavailable(err) {
		t.Errorf("got %v %v", ok, err)
	}
	servers.good(secret, true, "not of the provider")
	p.Change(func(m *identitytest.Manners) { m.Away = false })
	deadline := time.Now().Add(time.Minute)
	for {
		if _, ok, _ := servers.a.Authenticate(context.Background(), p.Sign(nil)); ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the provider is back and its tokens are refused")
		}
		time.Sleep(100 * time.Millisecond)
	}
}
