// Package identitytest is an OpenID Connect provider for tests: it has keys that can be
// exchanged, logs people in by a code with PKCE or on another device, and renews their logins. It
// is as strict as a good provider: a code and a refresh token are good once, and only with
// what belongs to them.
//
// The test plays the person: Browse opens the address that a login printed, Enter types in the
// code of another device.
package identitytest

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Subject is who logs in, when Manners.Claims do not say otherwise.
const Subject = "jane"

// Manners is how a provider treats those who come.
type Manners struct {
	// Away: nothing is answered.
	Away bool
	// Refuse: nobody is let in, and no login is renewed.
	Refuse bool
	// ForeignNonce: id tokens have the nonce of another login.
	ForeignNonce bool
	// Lifetime of id tokens.
	Lifetime time.Duration
	// Claims of id tokens, over the usual ones.
	Claims map[string]any
}

// Provider is a provider that runs until the test ends. ClientID is the only client it knows.
type Provider struct {
	*httptest.Server
	ClientID string

	t       testing.TB
	mu      sync.Mutex
	manners Manners
	key     *rsa.PrivateKey
	keyID   string
	grants  map[string]grant // by code, device code or refresh token
	typed   map[string]string
	seen    Seen
}

// Seen is what a provider has done.
type Seen struct {
	Logins, Renewals int
	// Scope is what the last login asked for.
	Scope string
	// Secrets are all that it gave out and that nobody else may see.
	Secrets []string
}

// Start starts a provider behind TLS, with a certificate of its own.
func Start(t testing.TB, clientID string) *Provider {
	t.Helper()
	p := &Provider{ClientID: clientID, t: t, manners: Manners{Lifetime: time.Hour}, grants: map[string]grant{}, typed: map[string]string{}}
	p.Rotate("first")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.configuration)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /device", p.device)
	mux.HandleFunc("POST /enter", p.enter)
	mux.HandleFunc("POST /token", p.token)
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.how().Away {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

// Change changes its manners from now on.
func (p *Provider) Change(change func(*Manners)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.manners)
}

func (p *Provider) how() Manners {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.manners
}

// Seen is what it has done so far.
func (p *Provider) Seen() Seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := p.seen
	seen.Secrets = slices.Clone(seen.Secrets)
	return seen
}

// Rotate exchanges the key that signs. The one before is forgotten at once.
func (p *Provider) Rotate(id string) {
	p.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key, p.keyID = key, id
}

// CA is its certificate (PEM), for those who are to trust it.
func (p *Provider) CA() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw})
}

// CAFile is a file with CA.
func (p *Provider) CAFile() string {
	p.t.Helper()
	path := filepath.Join(p.t.TempDir(), "provider.pem")
	if err := os.WriteFile(path, p.CA(), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// Sign makes an id token with the usual claims, and those of Manners and claims over them.
func (p *Provider) Sign(claims map[string]any) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	all := map[string]any{"iss": p.URL, "aud": p.ClientID, "sub": Subject, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(p.manners.Lifetime).Unix()}
	maps.Copy(all, p.manners.Claims)
	maps.Copy(all, claims)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: p.key, KeyID: p.keyID}}, nil)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	token, err := jwt.Signed(signer).Claims(all).Serialize()
	if err != nil {
		p.t.Error(err)
	}
	p.seen.Secrets = append(p.seen.Secrets, token)
	return token
}

func (p *Provider) configuration(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, map[string]any{
		"issuer": p.URL, "jwks_uri": p.URL + "/keys", "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
		"device_authorization_endpoint": p.URL + "/device", "scopes_supported": []string{"openid", "offline_access"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
	})
}

func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	write(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: p.keyID, Algorithm: "RS256", Use: "sig"}}})
}

func write(w http.ResponseWriter, code int, answer any) {
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer) // the client may be gone
}
