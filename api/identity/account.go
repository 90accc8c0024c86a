package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
)

const (
	// LongestAccountToken is how long the token of a ServiceAccount lasts at most: the key that
	// signed it verifies that long after the next one took its place.
	LongestAccountToken = KeyGrace
	// skew is by how much the clocks of servers may differ.
	skew = time.Minute
	// credentialExtra is the key of User.Extra that has the id of the JWT, as in Kubernetes.
	credentialExtra = "authentication.kubernetes.io/credential-id"
)

// accountClaims are those of Kubernetes.
type accountClaims struct {
	jwt.Claims
	Kubernetes struct {
		Namespace      string     `json:"namespace"`
		ServiceAccount reference  `json:"serviceaccount"`
		Secret         *reference `json:"secret,omitempty"`
	} `json:"kubernetes.io"`
}

type reference struct {
	Name string `json:"name"`
	UID  string `json:"uid"`
}

// AccountToken says what token to make for a ServiceAccount.
type AccountToken struct {
	Account   *api.Object
	Secret    *api.Object // the token ends with it; nil for none
	Audiences []string    // those of this API when empty
	Lifetime  time.Duration
}

// IssueAccountToken makes a token for a ServiceAccount. It lasts as long as was asked for, but never longer
// than LongestAccountToken.
func (s *Service) IssueAccountToken(ctx context.Context, want AccountToken) (token string, expires time.Time, err error) {
	key, err := s.signing(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	now := s.now().Truncate(time.Second)
	expires = now.Add(min(want.Lifetime, LongestAccountToken))
	account := want.Account
	claims := accountClaims{Claims: jwt.Claims{
		ID: uuid.NewString(), Issuer: s.issuer(), Subject: api.ServiceAccountName(account.Namespace, account.Name), Audience: want.Audiences,
		IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(expires),
	}}
	if len(claims.Audience) == 0 {
		claims.Audience = s.audiences()
	}
	claims.Kubernetes.Namespace = account.Namespace
	claims.Kubernetes.ServiceAccount = reference{account.Name, string(account.UID)}
	if want.Secret != nil {
		claims.Kubernetes.Secret = &reference{want.Secret.Name, string(want.Secret.UID)}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key.private, KeyID: key.id}}, nil)
	if err == nil {
		token, err = jwt.Signed(signer).Claims(claims).Serialize()
	}
	if err != nil {
		return "", time.Time{}, fmt.Errorf("sign a token for %s: %w", account.Key(), err)
	}
	return token, expires, nil
}

// APIAudiences are what a token for this API is for.
func (s *Service) APIAudiences() []string { return append([]string(nil), s.audiences()...) }

// IssuerURL is who signs the tokens of ServiceAccounts.
func (s *Service) IssuerURL() string { return s.issuer() }

// accountUser is the ServiceAccount whose token it is, and for which of the audiences.
func (s *Service) accountUser(ctx context.Context, token string, audiences []string) (User, []string, bool, error) {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return User{}, nil, false, nil
	}
	var claims accountClaims
	if err := parsed.UnsafeClaimsWithoutVerification(&claims); err != nil || !s.timely(&claims) {
		return User{}, nil, false, nil
	}
	common := intersect(audiences, claims.Audience)
	if len(common) == 0 {
		return User{}, nil, false, nil
	}
	account := claims.Kubernetes
	if claims.Subject != api.ServiceAccountName(account.Namespace, account.ServiceAccount.Name) {
		return User{}, nil, false, nil
	}
	// Reads the newest state, and with it the keys as they are now.
	if alive, err := s.bound(ctx, &claims); err != nil || !alive {
		return User{}, nil, false, err
	}
	if good, err := s.signed(ctx, token, parsed); err != nil || !good {
		return User{}, nil, false, err
	}
	return User{
		Name: claims.Subject, UID: account.ServiceAccount.UID,
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + account.Namespace},
		Extra:  map[string][]string{credentialExtra: {"JTI=" + claims.ID}},
	}, common, true, nil
}

// timely reports whether the token has begun and not ended. A token without an end is none of ours.
func (s *Service) timely(c *accountClaims) bool {
	now := s.now()
	return c.Expiry != nil && now.Before(c.Expiry.Time()) &&
		(c.NotBefore == nil || !now.Add(skew).Before(c.NotBefore.Time()))
}

// bound reports whether the account, and what else the token ends with, are there and the same.
func (s *Service) bound(ctx context.Context, c *accountClaims) (bool, error) {
	k := c.Kubernetes
	same, err := s.same(ctx, v1.ServiceAccount, k.Namespace, k.ServiceAccount)
	if err != nil || !same || k.Secret == nil {
		return same, err
	}
	return s.same(ctx, v1.Secret, k.Namespace, *k.Secret)
}

func (s *Service) same(ctx context.Context, kind, namespace string, ref reference) (bool, error) {
	obj, err := s.Store.Get(ctx, api.Key{Kind: kind, Namespace: namespace, Name: ref.Name})
	if errors.Is(err, api.ErrNotFound) {
		return false, nil
	}
	return err == nil && string(obj.UID) == ref.UID && obj.DeletionTimestamp == nil, err
}

// signed reports whether a key that counts made the signature.
func (s *Service) signed(ctx context.Context, token string, parsed *jwt.JSONWebToken) (bool, error) {
	keys, err := s.ring(ctx, true)
	if err != nil || len(parsed.Headers) != 1 {
		return false, err
	}
	key := keys.key(parsed.Headers[0].KeyID, s.now())
	if key == nil {
		return false, nil
	}
	if s.verified.has(token, key.id) {
		return true, nil
	}
	if parsed.Claims(key.private.Public(), new(accountClaims)) != nil {
		return false, nil
	}
	s.verified.add(token, key.id)
	return true, nil
}
