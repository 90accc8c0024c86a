package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// idProvider is an OpenID Connect provider that logs everybody in as jane.
type idProvider struct {
	testing.TB
	*httptest.Server
	key                         *rsa.PrivateKey
	challenge, nonce, refresh   string
	lifetime                    time.Duration
	exchanges, renewals, serial int
	foreignNonce, refuse        bool
}

func startIDProvider(t testing.TB) *idProvider {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &idProvider{TB: t, key: key, lifetime: time.Hour}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"issuer": p.URL, "jwks_uri": p.URL + "/keys", "authorization_endpoint": p.URL + "/authorize",
			"token_endpoint": p.URL + "/token", "scopes_supported": []string{"openid", "offline_access"}, "id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("/authorize", p.authorize)
	mux.HandleFunc("/token", p.token)
	p.Server = httptest.NewTLSServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *idProvider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p.challenge, p.nonce = q.Get("code_challenge"), q.Get("nonce")
	if q.Get("code_challenge_method") != "S256" || q.Get("client_id") != "pnctl" || q.Get("scope") != "openid offline_access" {
		p.Errorf("asked for %v", q)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {"the-code"}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
}

func (p *idProvider) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	nonce := ""
	switch r.FormValue("grant_type") {
	case "authorization_code":
		p.exchanges++
		if r.FormValue("code") != "the-code" || oauth2.S256ChallengeFromVerifier(r.FormValue("code_verifier")) != p.challenge {
			p.Errorf("the code was exchanged without its verifier")
		}
		if nonce = p.nonce; p.foreignNonce {
			nonce = "another"
		}
	case "refresh_token":
		p.renewals++
		if p.refuse || r.FormValue("refresh_token") != p.refresh {
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"error":"invalid_grant"}`)
			return
		}
	}
	p.serial++
	p.refresh = "refresh-" + strings.Repeat("x", p.serial)
	signer, _ := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: p.key, KeyID: "k"}}, nil)
	id, _ := jwt.Signed(signer).Claims(map[string]any{"iss": p.URL, "aud": "pnctl", "sub": "jane", "nonce": nonce, "jti": p.refresh,
		"iat": time.Now().Unix(), "exp": time.Now().Add(p.lifetime).Unix()}).Serialize()
	json.NewEncoder(w).Encode(map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": id, "refresh_token": p.refresh, "expires_in": 3600})
}

// login is a person's login with --no-browser: the address that is printed is opened.
func (p *idProvider) login() (*kept, error) {
	p.Helper()
	ca := filepath.Join(p.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw}), 0o600); err != nil {
		p.Fatal(err)
	}
	reader, writer := io.Pipe()
	go func() {
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			if !strings.HasPrefix(lines.Text(), "https://") {
				continue
			}
			forged, err := url.Parse(lines.Text())
			if err == nil {
				if res, err := http.Get(forged.Query().Get("redirect_uri") + "?code=stolen&state=guessed"); err != nil || res.StatusCode != http.StatusBadRequest {
					p.Errorf("a forged answer: %v %v", res, err)
				}
			}
			if res, err := p.Client().Get(lines.Text()); err != nil || res.StatusCode != http.StatusOK {
				p.Errorf("the browser got %v %v", res, err)
			}
		}
	}()
	defer writer.Close()
	session := newSession(search{}, genericiooptions.IOStreams{In: strings.NewReader(""), Out: io.Discard, ErrOut: writer})
	asked := provider{Issuer: p.URL, ClientID: "pnctl", CAFile: ca, Scopes: []string{"openid", "groups", "offline_access"}}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return asked.login(ctx, &loginOptions{session: session, noBrowser: true})
}

func TestLoginByCodeAndItsRenewal(t *testing.T) {
	p := startIDProvider(t)
	k, err := p.login()
	if err != nil || k.RefreshToken != "refresh-x" || p.exchanges != 1 {
		t.Fatalf("got %v %v", k, err)
	}
	path := filepath.Join(t.TempDir(), "login.json")
	if err := k.write(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	ctx := context.Background()
	same, err := renewed(ctx, path, time.Now())
	if err != nil || same.IDToken != k.IDToken || p.renewals != 0 {
		t.Errorf("renewed without need: %v, %d", err, p.renewals)
	}
	late := time.Now().Add(time.Hour - renewBefore/2)
	next, err := renewed(ctx, path, late)
	if err != nil || next.IDToken == k.IDToken || next.RefreshToken != "refresh-xx" {
		t.Fatalf("not renewed: %v", err)
	}
	if onDisk, err := readKept(path); err != nil || onDisk.RefreshToken != next.RefreshToken {
		t.Errorf("not kept: %v", err)
	}
	p.refuse = true
	if _, err := renewed(ctx, path, late.Add(time.Hour)); err == nil || !strings.Contains(err.Error(), "invalid_grant): pnctl login") || strings.Contains(err.Error(), "refresh-") {
		t.Errorf("got %v", err)
	}
}

func TestAnIDTokenOfAnotherLoginIsNotTaken(t *testing.T) {
	p := startIDProvider(t)
	p.foreignNonce = true
	if _, err := p.login(); err == nil || !strings.Contains(err.Error(), "belongs to another login") {
		t.Errorf("got %v", err)
	}
}
