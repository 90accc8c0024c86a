package server

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/powernode/powernode/api/rbac"
)

const (
	// rightsSettle lets changes of rights that come together be looked at together.
	rightsSettle = 50 * time.Millisecond
	// rightsEvery is how often it is asked whether those who have a stream open are still
	// who they were: nothing tells when a token ends.
	rightsEvery = 5 * time.Second
)

// permit is on what a request was let in, for as long as it lasts.
type permit struct {
	request *http.Request // with the credential
	bearer  User          // whose that was
	needs   []*rbac.Attributes
}

type permitKey struct{}

// permitOf is nil for a request that needed none.
func permitOf(ctx context.Context) *permit {
	p, _ := ctx.Value(permitKey{}).(*permit)
	return p
}

// watchRights ends the answers that last (watches, followed logs, long polls) of those who
// could not begin them any more: soon after a right is taken away, or a token has ended. Kubernetes lets
// them go on; here what is revoked is over.
func (s *Server) watchRights(ctx context.Context) {
	for ctx.Err() == nil {
		moved := s.policy.moved.Next()
		s.streams.end(func(p *permit) error { return s.stillAllowed(ctx, p) })
		known := true
		select {
		case <-ctx.Done():
		case <-moved:
			known = false
		case <-time.After(rightsEvery):
		}
		if !known {
			pause(ctx, rightsSettle)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// stillAllowed is nil while a permit holds. What can't be told now ends nothing.
func (s *Server) stillAllowed(ctx context.Context, p *permit) error {
	if p == nil {
		return nil
	}
	user, ok, err := s.userOf(p.request)
	switch {
	case err != nil:
		return nil
	case !ok, user.Name != p.bearer.Name, user.UID != p.bearer.UID, !slices.Equal(user.Groups, p.bearer.Groups):
		return unauthorized()
	}
	for _, a := range p.needs {
		if d, err := s.decide(ctx, a); err == nil && !d.Allowed {
			return forbidden(a, d.Reason())
		}
	}
	return nil
}

// revoked is what to tell the reader of a stream that ended because it may not be read any more; nil
// of one that goes on or ended otherwise.
func revoked(ctx context.Context) error {
	var refused apierrors.APIStatus
	if cause := context.Cause(ctx); errors.As(cause, &refused) {
		return cause
	}
	return nil
}
