package server

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Limits bounds what clients can ask of a server at once. Answers that last (watches,
// followed logs) are not counted and have no deadline; nor has what runners do. Members of
// Masters are not counted, so that they get in when a crowd has taken every place; while
// one acts as another user, it counts.
type Limits struct {
	// Reading and Mutating are how many requests of either sort may be under way; what comes
	// more is answered with 429 at once. 400 and 200 when 0.
	Reading, Mutating int
	// Timeout is how long a request may take before it is answered with 504; a minute when 0.
	// A client may ask for less by ?timeout=30s.
	Timeout time.Duration
	// Stalled is how long a client may take to read a piece of what it is sent, before it is
	// taken for gone; a minute when 0.
	Stalled time.Duration
}

// limits are the places for requests under way.
type limits struct {
	reading, mutating chan struct{}
	timeout, stalled  time.Duration
}

func newLimits(l Limits) limits {
	return limits{
		reading:  make(chan struct{}, cmp.Or(l.Reading, 400)),
		mutating: make(chan struct{}, cmp.Or(l.Mutating, 200)),
		timeout:  cmp.Or(l.Timeout, time.Minute),
		stalled:  cmp.Or(l.Stalled, time.Minute),
	}
}

// limit lets a request in when there is a place for it, and for so long as it may take.
func (s *Server) limit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		infoOf(c).stalled = s.limits.stalled
		if open(r.URL.Path) || s.lasts(r) {
			return next(c)
		}
		if !uncounted(c) {
			places := s.limits.mutating
			if readOnly(r) {
				places = s.limits.reading
			}
			select {
			case places <- struct{}{}:
				defer func() { <-places }()
			default:
				return apierrors.NewTooManyRequests("the server has as many requests under way as it may have; try again", 1)
			}
		}
		within, err := s.within(r)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(r.Context(), within)
		defer func() {
			cancel()
			c.SetRequest(r) // whose context tells whether the client is there
		}()
		c.SetRequest(r.WithContext(ctx))
		return next(c)
	}
}

// uncounted reports whether a request needs no place: it comes from one of Masters, as itself.
func uncounted(c echo.Context) bool {
	return c.Request().Header.Get(authenticationv1.ImpersonateUserHeader) == "" && slices.Contains(infoOf(c).user.Groups, Masters)
}

// within is how long the request may take.
func (s *Server) within(r *http.Request) (time.Duration, error) {
	asked := r.URL.Query().Get("timeout")
	if asked == "" {
		return s.limits.timeout, nil
	}
	d, err := time.ParseDuration(asked)
	if err != nil || d < 0 {
		return 0, badQuery("timeout", errors.New("must be a duration such as 30s"))
	}
	if d == 0 {
		return s.limits.timeout, nil
	}
	return min(d, s.limits.timeout), nil
}

// lasts reports whether the answer goes on by its nature.
func (s *Server) lasts(r *http.Request) bool {
	if strings.HasPrefix(r.URL.Path, "/runner/v1/") {
		return true
	}
	t, ok := parsePath(r.URL.Path)
	if !ok || t.resource == "" {
		return false
	}
	return verbOf(r, t) == "watch" || r.Method == http.MethodGet && s.streamed(t)
}

// streamed reports whether a path names a subresource that a kind answers for by itself.
func (s *Server) streamed(t target) bool {
	kind, ok := s.catalog().find(t.group, t.version, t.resource)
	if !ok || t.subresource == "" {
		return false
	}
	_, ok = s.cfg.Subresources[kind.Key()][t.subresource]
	return ok
}

func readOnly(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
}
