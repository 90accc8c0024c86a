package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/powernode/powernode/api/identity"
)

// The groups that mean something to the server.
const (
	// Masters may do everything.
	Masters = "system:masters"
	// Runners may use the runner endpoints and nothing else, as the seeded role system:runner says.
	Runners = "system:runners"
)

// User is who makes a request.
type User = identity.User

// Authenticator tells whose a bearer token is.
type Authenticator = identity.Authenticator

// Tokens is an Authenticator over a fixed set of bearer tokens. Its time
// does not depend on how much of a token was guessed right.
func Tokens(users map[string]User) Authenticator {
	type entry struct {
		digest [sha256.Size]byte
		user   User
	}
	var entries []entry
	for token, user := range users {
		entries = append(entries, entry{sha256.Sum256([]byte(token)), user})
	}
	return func(_ context.Context, token string) (found User, ok bool, _ error) {
		digest := sha256.Sum256([]byte(token))
		for _, e := range entries {
			if subtle.ConstantTimeCompare(digest[:], e.digest[:]) == 1 {
				found, ok = e.user, true
			}
		}
		return found, ok, nil
	}
}

// open reports whether a path needs no credential.
func open(path string) bool {
	switch path {
	case "/version", "/healthz", "/livez", "/readyz", "/health", "/health/live", "/health/ready":
		return true
	}
	return false
}

// authenticate lets only known users in.
func (s *Server) authenticate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if open(c.Request().URL.Path) {
			return next(c)
		}
		user, ok, err := s.userOf(c.Request())
		if err != nil {
			return fmt.Errorf("authenticate: %w", err)
		}
		if !ok {
			c.Response().Header().Set("WWW-Authenticate", `Bearer realm="powernode"`)
			return unauthorized()
		}
		infoOf(c).user = user
		return next(c)
	}
}

func unauthorized() error {
	return apierrors.NewUnauthorized("Unauthorized: send a valid token in the header Authorization: Bearer TOKEN")
}

// userOf knows the bearer of a token. The token may also come as the password of
// basic authentication: kubectl sends no bearer token over plain HTTP, but
// it does send what the server's URL in a kubeconfig holds.
func (s *Server) userOf(r *http.Request) (User, bool, error) {
	header := r.Header.Get(echo.HeaderAuthorization)
	if _, password, ok := r.BasicAuth(); ok {
		header = "Bearer " + password
	}
	if header == "" && isWebSocket(r) {
		if _, token, err := subprotocols(r); err == nil && token != "" {
			header = "Bearer " + token
		}
	}
	scheme, token, _ := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return User{}, false, nil
	}
	user, ok, err := s.cfg.Identity.Authenticate(r.Context(), token)
	return completeUser(user), ok, err
}
