package identity

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

const (
	// providerWithin is how long a provider may take to answer.
	providerWithin = 10 * time.Second
	// providerAgain is the pause before a provider that did not answer is asked again.
	providerAgain = 5 * time.Second
)

// OIDC takes the id tokens of one OpenID Connect provider. It is not asked before its first token
// comes, and may be away: what it signed can then not be told, and all other logins work.
type OIDC struct {
	Issuer, ClientID string
	// CA are the certificates (PEM) that the provider's is checked against; the system's when empty.
	CA []byte
	// UsernameClaim is "sub" when empty. UsernamePrefix is put before it; DefaultUsernamePrefix
	// tells what is usual.
	UsernameClaim, UsernamePrefix string
	// GroupsClaim has a name or a list of names; no groups when empty.
	GroupsClaim, GroupsPrefix string
	// Required are claims that a token must have, with these values.
	Required map[string]string
	// Now is the clock; time.Now when nil.
	Now func() time.Time

	mu       sync.Mutex
	verifier *oidc.IDTokenVerifier
	failed   time.Time // when the provider last did not answer
}

// DefaultUsernamePrefix keeps the names of a provider apart from all others, as Kubernetes does it: e-mail
// addresses need no prefix.
func DefaultUsernamePrefix(issuer, claim string) string {
	if claim == "email" {
		return ""
	}
	return issuer + "#"
}

// authenticate tells whose an id token is.
func (o *OIDC) authenticate(ctx context.Context, token string) (User, bool, error) {
	verifier, err := o.provider(ctx)
	if err != nil {
		return User{}, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, providerWithin)
	defer cancel()
	verifiedToken, err := verifier.Verify(ctx, token)
	if err != nil {
		if keysAway(err) {
			return User{}, false, providerAway()
		}
		return User{}, false, nil
	}
	var claims map[string]json.RawMessage
	if err := verifiedToken.Claims(&claims); err != nil {
		return User{}, false, nil
	}
	user, ok := o.user(claims)
	return user, ok, nil
}

// keysAway tells a provider whose keys could not be read from a token that is not good.
func keysAway(err error) bool { return strings.Contains(err.Error(), "fetching keys") }

func providerAway() error {
	err := apierrors.NewServiceUnavailable("the OpenID Connect provider can not be reached now")
	err.ErrStatus.Details = nil
	return err
}

// provider asks the provider how to verify, once; while it does not answer, now and then.
func (o *OIDC) provider(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.verifier != nil {
		return o.verifier, nil
	}
	if !o.failed.IsZero() && time.Since(o.failed) < providerAgain {
		return nil, providerAway()
	}
	client, err := o.client()
	if err != nil {
		return nil, err
	}
	// The provider's keys are fetched with this context as long as the verifier lives.
	provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), client), o.Issuer)
	if err != nil {
		o.failed = time.Now()
		return nil, providerAway()
	}
	o.verifier = provider.Verifier(&oidc.Config{ClientID: o.ClientID, Now: o.Now, SupportedSigningAlgs: signingAlgorithms()})
	return o.verifier, nil
}

// signingAlgorithms are the asymmetric ones: no secret is shared with the provider.
func signingAlgorithms() []string {
	return []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}
}

func (o *OIDC) client() (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if len(o.CA) > 0 {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(o.CA) {
			return nil, errors.New("the authority of the OpenID Connect provider has no certificate in PEM form")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: transport, Timeout: providerWithin}, nil
}

// Check refuses a configuration that can't be meant.
func (o *OIDC) Check() error {
	if !strings.HasPrefix(o.Issuer, "https://") {
		return fmt.Errorf("the issuer %q is not an https:// address", o.Issuer)
	}
	if o.ClientID == "" {
		return errors.New("the id of the client is missing")
	}
	_, err := o.client()
	return err
}

// user reads who it is from the claims. Nobody gets a name or a group of the system's own by a provider.
func (o *OIDC) user(claims map[string]json.RawMessage) (User, bool) {
	for name, want := range o.Required {
		if got, ok := text(claims[name]); !ok || got != want {
			return User{}, false
		}
	}
	claim := o.UsernameClaim
	if claim == "" {
		claim = "sub"
	}
	name, ok := text(claims[claim])
	if !ok || name == "" || claim == "email" && unverifiedEmail(claims) {
		return User{}, false
	}
	name = o.UsernamePrefix + name
	var of json.RawMessage
	if o.GroupsClaim != "" { // a claim can have the empty name
		of = claims[o.GroupsClaim]
	}
	groups, ok := texts(of)
	if !ok || strings.HasPrefix(name, "system:") {
		return User{}, false
	}
	user := User{Name: name}
	for _, g := range groups {
		g = o.GroupsPrefix + g
		if g != "" && !strings.HasPrefix(g, "system:") && !slices.Contains(user.Groups, g) {
			user.Groups = append(user.Groups, g)
		}
	}
	return user, true
}

// unverifiedEmail reports whether the provider says that the address may be another's.
func unverifiedEmail(claims map[string]json.RawMessage) bool {
	raw, said := claims["email_verified"]
	return said && string(raw) != "true"
}

func text(raw json.RawMessage) (s string, ok bool) {
	ok = raw != nil && json.Unmarshal(raw, &s) == nil
	return s, ok
}

// texts reads a name or a list of names; none at all is fine.
func texts(raw json.RawMessage) (list []string, ok bool) {
	if raw == nil || json.Unmarshal(raw, &list) == nil {
		return list, true
	}
	one, ok := text(raw)
	return []string{one}, ok
}
