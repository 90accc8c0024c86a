package identitytest

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"
)

// grant is what a code, a device code or a refresh token is good for, once.
type grant struct {
	kind      string // the grant_type that takes it
	nonce     string
	challenge string // of PKCE
	redirect  string
	pending   bool // nobody has entered the code yet
}

const byDevice = "urn:ietf:params:oauth:grant-type:device_code"

// give makes a grant and returns its secret.
func (p *Provider) give(g grant) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	secret := "secret-" + rand.Text()
	p.grants[secret] = g
	p.seen.Secrets = append(p.seen.Secrets, secret)
	return secret
}

// wellAsked checks what every login has to ask with.
func (p *Provider) wellAsked(w http.ResponseWriter, r *http.Request) bool {
	if err := r.ParseForm(); err != nil || r.Form.Get("client_id") != p.ClientID || r.Form.Get("code_challenge_method") != "S256" || r.Form.Get("code_challenge") == "" {
		p.t.Errorf("asked to log in with %v (%v)", r.Form, err)
		write(w, http.StatusBadRequest, map[string]string{"error": "invalid_request"})
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen.Scope = r.Form.Get("scope")
	return true
}

// authorize sends the browser back at once: the person is logged in at the provider.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	if !p.wellAsked(w, r) {
		return
	}
	answer := url.Values{"state": {r.Form.Get("state")}}
	if p.how().Refuse {
		answer.Set("error", "access_denied")
	} else {
		answer.Set("code", p.give(grant{kind: "authorization_code", nonce: r.Form.Get("nonce"), challenge: r.Form.Get("code_challenge"), redirect: r.Form.Get("redirect_uri")}))
	}
	http.Redirect(w, r, r.Form.Get("redirect_uri")+"?"+answer.Encode(), http.StatusFound)
}

func (p *Provider) device(w http.ResponseWriter, r *http.Request) {
	if !p.wellAsked(w, r) {
		return
	}
	secret, typed := p.give(grant{kind: byDevice, challenge: r.Form.Get("code_challenge"), pending: true}), rand.Text()[:8]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.typed[typed] = secret
	write(w, http.StatusOK, map[string]any{"device_code": secret, "user_code": typed, "verification_uri": p.URL + "/enter", "expires_in": 600, "interval": 1})
}

// enter is the page where a person types in the code that another device shows.
func (p *Provider) enter(w http.ResponseWriter, r *http.Request) {
	code := r.FormValue("code")
	p.mu.Lock()
	defer p.mu.Unlock()
	secret, known := p.typed[code]
	g, open := p.grants[secret]
	if !known || !open {
		http.Error(w, "no device shows this code", http.StatusNotFound)
		return
	}
	g.pending = false
	p.grants[secret] = g
}

// token exchanges a grant for tokens.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	kind := r.FormValue("grant_type")
	secret := r.FormValue(map[string]string{"authorization_code": "code", byDevice: "device_code", "refresh_token": "refresh_token"}[kind])
	g, problem := p.take(kind, secret, r)
	if problem != "" {
		write(w, http.StatusBadRequest, map[string]string{"error": problem})
		return
	}
	claims := map[string]any{}
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	if p.how().ForeignNonce {
		claims["nonce"] = "another"
	}
	write(w, http.StatusOK, map[string]any{"access_token": p.give(grant{}), "token_type": "Bearer", "expires_in": 3600,
		"id_token": p.Sign(claims), "refresh_token": p.give(grant{kind: "refresh_token"})})
}

// take takes a grant that is good, and counts it; else it says why not, in the words of OAuth.
func (p *Provider) take(kind, secret string, r *http.Request) (grant, string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g, ok := p.grants[secret]
	switch {
	case p.manners.Refuse && kind == byDevice:
		return g, "access_denied"
	case !ok || p.manners.Refuse || g.kind != kind || kind == "":
		return g, "invalid_grant"
	case g.challenge != "" && oauth2.S256ChallengeFromVerifier(r.FormValue("code_verifier")) != g.challenge, g.redirect != r.FormValue("redirect_uri"):
		p.t.Errorf("a grant was exchanged without what belongs to it")
		return g, "invalid_grant"
	case g.pending:
		return g, "authorization_pending"
	}
	delete(p.grants, secret)
	if kind == "refresh_token" {
		p.seen.Renewals++
	} else {
		p.seen.Logins++
	}
	return g, ""
}

// Browse opens an address as a browser does, and follows it to the end.
func (p *Provider) Browse(address string) error {
	res, err := p.Client().Get(address)
	return loaded(res, err)
}

// Enter types the code of another device into a page of the provider.
func (p *Provider) Enter(page, code string) error {
	res, err := p.Client().PostForm(page, url.Values{"code": {code}})
	return loaded(res, err)
}

func loaded(res *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the browser got %s", res.Status)
	}
	return nil
}
