// Package identity tells who the bearer of a credential is: of a Token object, of
// the JWT of a ServiceAccount or of an id token of an OpenID Connect provider. It
// also makes the first two, and keeps the keys that JWTs are signed with.
//
// Nothing here is scanned and nothing is believed for longer than it holds. A
// Token's secret says the name of its object, so that one read of the newest state finds
// it and a revoked one is refused by every server from then on. What is remembered of
// a JWT is only that its signature was good; that it has not ended, that its key still
// counts and that its account is the same one is looked at each time.
//
// Several servers share one store and never talk: the keys are numbered objects,
// and whoever creates the next number first has made the next key.
//
// The package refuses to know HTTP, what users may do, and where objects are kept.
package identity

import "context"

// User is who makes a request.
type User struct {
	Name   string
	UID    string
	Groups []string
	// Extra is what else the authenticator knows, by a key of its own.
	Extra map[string][]string
}

// Authenticator tells whose a bearer token is: false when it is nobody's (any more), an
// error when that can't be told now.
type Authenticator func(ctx context.Context, token string) (User, bool, error)
