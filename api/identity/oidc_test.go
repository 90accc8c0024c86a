package identity_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/powernode/powernode/api/identity"
	"github.com/powernode/powernode/store/memory"
)

// fakeProvider is an OpenID Connect provider: discovery and keys.
type fakeProvider struct {
	testing.TB
	*httptest.Server
	away atomic.Bool
	key  *rsa.PrivateKey
	id   string
}

func startProvider(t testing.TB) *fakeProvider {
	p := &fakeProvider{TB: t}
	p.rotate("first")
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case p.away.Load():
			http.Error(w, "away", http.StatusServiceUnavailable)
		case r.URL.Path == "/.well-known/openid-configuration":
			json.NewEncoder(w).Encode(map[string]any{"issuer": p.URL, "jwks_uri": p.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"}})
		case r.URL.Path == "/keys":
			json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: p.id, Algorithm: "RS256", Use: "sig"}}})
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *fakeProvider) rotate(id string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		p.Fatal(err)
	}
	p.key, p.id = key, id
}

func (p *fakeProvider) config() *identity.OIDC {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw})
	return &identity.OIDC{Issuer: p.URL, ClientID: "powernode", CA: ca, UsernamePrefix: "oidc:", GroupsClaim: "groups"}
}

// token has the usual claims, with others over them.
func (p *fakeProvider) token(claims map[string]any) string {
	p.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: p.key, KeyID: p.id}}, nil)
	if err != nil {
		p.Fatal(err)
	}
	all := map[string]any{"iss": p.URL, "aud": "powernode", "sub": "jane", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	for name, value := range claims {
		all[name] = value
	}
	token, err := jwt.Signed(signer).Claims(all).Serialize()
	if err != nil {
		p.Fatal(err)
	}
	return token
}

func TestIDTokens(t *testing.T) {
	p, other := startProvider(t), startProvider(t)
	for what, c := range map[string]struct {
		change func(*identity.OIDC)
		token  string
		want   string // name and groups; "" is refused
	}{
		"usual":                   {nil, p.token(nil), "oidc:jane"},
		"groups as a list":        {nil, p.token(map[string]any{"groups": []string{"dev", "ops", "dev"}}), "oidc:jane dev ops"},
		"groups as a string":      {nil, p.token(map[string]any{"groups": "dev"}), "oidc:jane dev"},
		"groups as a number":      {nil, p.token(map[string]any{"groups": 7}), ""},
		"expired":                 {nil, p.token(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}), ""},
		"another client's":        {nil, p.token(map[string]any{"aud": "other"}), ""},
		"one of several":          {nil, p.token(map[string]any{"aud": []string{"other", "powernode"}}), "oidc:jane"},
		"another issuer's":        {nil, other.token(nil), ""},
		"signed by somebody else": {nil, other.token(map[string]any{"iss": p.URL}), ""},
		"no name":                 {nil, p.token(map[string]any{"sub": ""}), ""},
		"the system's groups":     {nil, p.token(map[string]any{"groups": []string{"system:masters", "dev"}}), "oidc:jane dev"},
		"a prefix makes them so":  {func(o *identity.OIDC) { o.GroupsPrefix = "system:" }, p.token(map[string]any{"groups": "masters"}), "oidc:jane"},
		"the system's name":       {func(o *identity.OIDC) { o.UsernamePrefix = "" }, p.token(map[string]any{"sub": "system:admin"}), ""},
		"a prefixed group":        {func(o *identity.OIDC) { o.GroupsPrefix = "idp:" }, p.token(map[string]any{"groups": "system:masters"}), "oidc:jane idp:system:masters"},
		"verified address":        {email, p.token(map[string]any{"email": "j@x.io", "email_verified": true}), "j@x.io"},
		"unverified address":      {email, p.token(map[string]any{"email": "j@x.io", "email_verified": false}), ""},
		"required":                {required, p.token(map[string]any{"hd": "x.io"}), "oidc:jane"},
		"required, another":       {required, p.token(map[string]any{"hd": "y.io"}), ""},
		"required, missing":       {required, p.token(nil), ""},
	} {
		t.Run(what, func(t *testing.T) {
			o := p.config()
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
	s := &identity.Service{Store: &memory.Store{}, OIDC: p.config()}
	before := p.token(nil)
	check := func(token string, want bool) {
		t.Helper()
		if _, ok, err := s.Authenticate(context.Background(), token); ok != want || err != nil {
			t.Errorf("got %v %v, want %v", ok, err, want)
		}
	}
	check(before, true)
	p.rotate("second")
	check(p.token(nil), true)
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
	p.away.Store(true)
	servers := startServers(t)
	servers.a.OIDC = p.config()
	_, secret := servers.token("ci", time.Hour)
	_, ok, err := servers.a.Authenticate(context.Background(), p.token(nil))
	if ok || !apierrors.IsServiceUnavailable(err) {
		t.Errorf("got %v %v", ok, err)
	}
	servers.good(secret, true, "not of the provider")
	p.away.Store(false)
	deadline := time.Now().Add(time.Minute)
	for {
		if _, ok, _ := servers.a.Authenticate(context.Background(), p.token(nil)); ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the provider is back and its tokens are refused")
		}
		time.Sleep(100 * time.Millisecond)
	}
}
