package identity

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/powernode/powernode/store"
)

const (
	// DefaultIssuer is who signs the tokens of ServiceAccounts, unless told otherwise.
	DefaultIssuer = "https://powernode.local"
	// DefaultRotation is how long a key signs before the next one does.
	DefaultRotation = 30 * 24 * time.Hour
	// longestToken is the size in bytes from which a token is not even looked at.
	longestToken = 16 << 10
)

// Service authenticates by everything that it knows. Store must be set; it must not be
// copied after its first use, and is safe for concurrent use.
type Service struct {
	Store store.Store
	// Bootstrap is asked first: the tokens that are there before any object is. Nobody's when nil.
	Bootstrap Authenticator
	// OIDC is the provider whose id tokens are taken; none when nil.
	OIDC *OIDC
	// Issuer of the tokens of ServiceAccounts, DefaultIssuer when empty. All servers of a store must have the same.
	Issuer string
	// Audiences are what a token for this API is for; the issuer when empty.
	Audiences []string
	// RotateEvery is how long a key signs, DefaultRotation when 0.
	RotateEvery time.Duration
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Log takes what went wrong in Run; nothing when nil.
	Log *slog.Logger

	keys     parsedKeys
	verified verified
	creating sync.Mutex // one new key at a time
}

// Authenticate tells whose a token for this API is.
func (s *Service) Authenticate(ctx context.Context, token string) (User, bool, error) {
	user, _, ok, err := s.AuthenticateFor(ctx, token, nil)
	return user, ok, err
}

// AuthenticateFor tells whose a token is and for which of the audiences; false when for none of
// them. Without audiences those of this API are meant, and what has no audience is for them.
func (s *Service) AuthenticateFor(ctx context.Context, token string, audiences []string) (user User, of []string, ok bool, err error) {
	if len(audiences) == 0 {
		audiences = s.audiences()
	}
	if len(token) > longestToken {
		return User{}, nil, false, nil
	}
	if s.Bootstrap != nil {
		if user, ok, err = s.Bootstrap(ctx, token); ok || err != nil {
			return s.forAPI(user, audiences, ok, err)
		}
	}
	switch issuer, isJWT := issuerOf(token); {
	case strings.HasPrefix(token, tokenPrefix):
		user, ok, err = s.tokenUser(ctx, token)
	case !isJWT:
	case issuer == s.issuer():
		return s.accountUser(ctx, token, audiences)
	case s.OIDC != nil && issuer == s.OIDC.Issuer:
		user, ok, err = s.OIDC.authenticate(ctx, token)
	}
	return s.forAPI(user, audiences, ok, err)
}

// forAPI is the outcome for a credential that is good for this API alone.
func (s *Service) forAPI(user User, audiences []string, ok bool, err error) (User, []string, bool, error) {
	common := intersect(audiences, s.audiences())
	if err != nil || !ok || len(common) == 0 {
		return User{}, nil, false, err
	}
	return user, common, true, nil
}

func (s *Service) issuer() string {
	if s.Issuer == "" {
		return DefaultIssuer
	}
	return s.Issuer
}

func (s *Service) audiences() []string {
	if len(s.Audiences) == 0 {
		return []string{s.issuer()}
	}
	return s.Audiences
}

func (s *Service) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// issuerOf reads who a JWT says that it is from; nothing is verified yet.
func issuerOf(token string) (issuer string, isJWT bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", false
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	return claims.Issuer, json.Unmarshal(payload, &claims) == nil
}

func intersect(a, b []string) (both []string) {
	for _, x := range a {
		if slices.Contains(b, x) && !slices.Contains(both, x) {
			both = append(both, x)
		}
	}
	return both
}
