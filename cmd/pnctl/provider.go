package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// loginWithin is how long a person may take to log in.
const loginWithin = 10 * time.Minute

// provider is an OpenID Connect provider, as pnctl logs in by it: without a secret of its own, by PKCE.
type provider struct {
	Issuer   string   `json:"issuer"`
	ClientID string   `json:"clientID"`
	CAFile   string   `json:"caFile,omitempty"`
	Scopes   []string `json:"scopes"`
}

// discover asks the provider where its endpoints are. The context that is returned is the one to speak to it with.
func (p *provider) discover(ctx context.Context) (context.Context, *oidc.Provider, *oauth2.Config, error) {
	client := &http.Client{Timeout: 30 * time.Second}
	if p.CAFile != "" {
		path, err := filepath.Abs(p.CAFile)
		if err != nil {
			return nil, nil, nil, err
		}
		p.CAFile = path
		pem, err := os.ReadFile(path)
		pool := x509.NewCertPool()
		if err != nil || !pool.AppendCertsFromPEM(pem) {
			return nil, nil, nil, fmt.Errorf("--issuer-ca %s: no certificate in PEM form can be read from it", path)
		}
		client.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	}
	ctx = oidc.ClientContext(ctx, client)
	found, err := oidc.NewProvider(ctx, p.Issuer)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("ask the provider %s how to log in: %w", p.Issuer, err)
	}
	return ctx, found, &oauth2.Config{ClientID: p.ClientID, Endpoint: found.Endpoint(), Scopes: p.scopes(found)}, nil
}

// scopes are those that the provider says it has; all where it does not say.
func (p *provider) scopes(found *oidc.Provider) []string {
	var has struct {
		Scopes []string `json:"scopes_supported"`
	}
	if found.Claims(&has) != nil || len(has.Scopes) == 0 {
		return p.Scopes
	}
	return slices.DeleteFunc(slices.Clone(p.Scopes), func(s string) bool { return !slices.Contains(has.Scopes, s) })
}

// login has a person log in and returns what is to be kept of it.
func (p *provider) login(ctx context.Context, o *loginOptions) (*kept, error) {
	ctx, cancel := context.WithTimeout(ctx, loginWithin)
	defer cancel()
	ctx, found, config, err := p.discover(ctx)
	if err != nil {
		return nil, err
	}
	nonce := rand.Text()
	var token *oauth2.Token
	if o.device {
		token, nonce, err = byDevice(ctx, config, o)
	} else {
		token, err = byBrowser(ctx, config, nonce, o)
	}
	if err != nil {
		return nil, fmt.Errorf("log in at %s: %w", p.Issuer, err)
	}
	result := &kept{provider: *p}
	return result, result.take(ctx, found, token, nonce)
}

// byDevice shows a code that is entered elsewhere. There is no nonce in it.
func byDevice(ctx context.Context, config *oauth2.Config, o *loginOptions) (*oauth2.Token, string, error) {
	if config.Endpoint.DeviceAuthURL == "" {
		return nil, "", errors.New("the provider offers no codes for other devices: leave out --device")
	}
	verifier := oauth2.GenerateVerifier()
	code, err := config.DeviceAuth(ctx, oauth2.S256ChallengeOption(verifier))
	if err != nil {
		return nil, "", err
	}
	fmt.Fprintf(o.session.ErrOut, "Open %s and enter the code %s\n", code.VerificationURI, code.UserCode)
	token, err := config.DeviceAccessToken(ctx, code, oauth2.VerifierOption(verifier))
	return token, "", err
}

// byBrowser has the provider send the browser back to a listener on this machine.
func byBrowser(ctx context.Context, config *oauth2.Config, nonce string, o *loginOptions) (*oauth2.Token, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	config.RedirectURL = "http://" + listener.Addr().String() + "/callback"
	state, verifier := rand.Text(), oauth2.GenerateVerifier()
	address := config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier))
	fmt.Fprintf(o.session.ErrOut, "Log in at\n%s\n", address)
	if !o.noBrowser {
		openBrowser(address) // where there is none, the address is printed
	}
	code, err := awaitCode(ctx, listener, state)
	if err != nil {
		return nil, err
	}
	return config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
}

// awaitCode serves until the browser comes back with the code that belongs to state.
func awaitCode(ctx context.Context, listener net.Listener, state string) (string, error) {
	type outcome struct {
		code string
		err  error
	}
	came := make(chan outcome, 1)
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if r.URL.Path != "/callback" || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) != 1 {
			http.Error(w, "this is no answer to the login that goes on", http.StatusBadRequest)
			return
		}
		result := outcome{code: q.Get("code")}
		if result.code == "" {
			result.err = fmt.Errorf("the provider refused: %s %s", q.Get("error"), q.Get("error_description"))
			http.Error(w, "the login was refused", http.StatusForbidden)
		} else {
			fmt.Fprintln(w, "You are logged in to Powernode. This window can be closed.")
		}
		select {
		case came <- result:
		default: // one answer is enough
		}
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	var result outcome
	select {
	case result = <-came:
	case <-ctx.Done():
		result.err = errors.New("nobody logged in")
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = server.Shutdown(grace) // the browser has its page, or does not wait for it
	server.Close()
	<-ended
	return result.code, result.err
}

// openBrowser does not wait: what opens an address may be the browser itself, which stays.
func openBrowser(address string) {
	command := []string{"xdg-open", address}
	switch runtime.GOOS {
	case "darwin":
		command[0] = "open"
	case "windows":
		command = []string{"rundll32", "url.dll,FileProtocolHandler", address}
	}
	browser := exec.Command(command[0], command[1:]...) // the address holds no secret: PKCE's stays here
	if browser.Start() == nil {
		_ = browser.Process.Release()
	}
}
