package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
)

// tokenPrefix is what the secrets of Tokens start with, so that scanners find one that
// leaked: pnt_NAME_ and 52 letters and digits.
const tokenPrefix = "pnt_"

// TokenExtra is the key of User.Extra that names the Token object which let the user in.
const TokenExtra = "authentication.powernode.io/token"

// MintToken makes the secret of the Token of a name, from 256 random bits, and what is
// kept of it.
func MintToken(name string) (token, hash string) {
	var b [32]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	secret := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
	token = tokenPrefix + name + "_" + secret
	return token, hashOf(token)
}

func hashOf(token string) string {
	digest := sha256.Sum256([]byte(token))
	return hex.EncodeToString(digest[:])
}

// tokenUser is whom the Token lets in that the secret names.
func (s *Service) tokenUser(ctx context.Context, token string) (User, bool, error) {
	name, _, found := strings.Cut(strings.TrimPrefix(token, tokenPrefix), "_") // no name has that letter
	if !found || name == "" {
		return User{}, false, nil
	}
	obj, err := s.Store.Get(ctx, api.Key{Kind: v1.Token, Name: name})
	if errors.Is(err, api.ErrNotFound) {
		return User{}, false, nil
	}
	if err != nil {
		return User{}, false, err
	}
	var spec v1.TokenSpec
	var status v1.TokenStatus
	if err := errors.Join(json.Unmarshal(obj.Spec, &spec), json.Unmarshal(obj.Status, &status)); err != nil {
		return User{}, false, fmt.Errorf("read %s: %w", obj.Key(), err)
	}
	same := subtle.ConstantTimeCompare([]byte(hashOf(token)), []byte(status.Hash)) == 1
	if !same || obj.DeletionTimestamp != nil || spec.ExpiresAt == nil || !s.now().Before(spec.ExpiresAt.Time) {
		return User{}, false, nil
	}
	user := User{Name: spec.User, Groups: spec.Groups, Extra: map[string][]string{TokenExtra: {name}}}
	if namespace, account, ok := api.SplitServiceAccountName(spec.User); ok { // ends with the account, as all its tokens do
		user.UID = status.AccountUID
		same, err = s.same(ctx, v1.ServiceAccount, namespace, reference{account, status.AccountUID})
	}
	return user, same, err
}
