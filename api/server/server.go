package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/identity"
	"github.com/powernode/powernode/schemas"
	"github.com/powernode/powernode/store"
)

// Bounds of what is kept of encoded objects, of events, and of objects that are served otherwise than
// stored. Twice that is held at most. Objects are for lists, which all of a kind are read for again and again;
// an event is for those who watch now, and is copied from its object when somebody comes late.
const (
	encodedBytes   = 24 << 20
	eventBytes     = 4 << 20
	convertedBytes = 32 << 20
)

// Config is what a Server serves. Store, Kinds and Authenticate are needed; a
// server without Tasks has no runner endpoints, and then needs no Logs and Blobs.
type Config struct {
	Store store.Store
	Tasks store.Tasks
	Logs  store.Logs
	Blobs store.Blobs
	Kinds []*schemas.Kind
	// Admission has the rules of kinds that a schema can't say, by qualified kind.
	Admission map[string]api.Admission
	// MayDelete is asked before an object is deleted and refuses by an error that wraps
	// api.ErrForbidden; all may be deleted when nil.
	MayDelete func(api.Key) error
	// Subresources are what lies below objects, by qualified kind and by name.
	Subresources map[string]map[string]api.Subresource
	// Authenticate tells whose a bearer token is that is no object's; Tokens makes one. It is
	// needed where there is no Identity, and asked by none that is given.
	Authenticate Authenticator
	// Identity tells whose a bearer token is, and makes those of ServiceAccounts; one that
	// asks Authenticate first when nil.
	Identity *identity.Service
	// Audit takes a record of every call that changes something or is refused, those of writes in the
	// writes of Store themselves; nothing is recorded when nil.
	Audit store.Audit
	// TrustedProxies may say in X-Forwarded-For whom a call comes from; nobody may when empty.
	TrustedProxies []netip.Prefix
	// Limits bounds what is under way at once; its zero value has sensible bounds.
	Limits Limits
	// Heartbeat is how often quiet streams to browsers show that they are alive; 15 seconds when 0.
	Heartbeat time.Duration
	// Registry takes the metrics of the server and is served at /metrics; a new one when nil.
	Registry *prometheus.Registry
	// Log takes a line a request and what went wrong in the server; nothing when nil.
	Log *slog.Logger
	// Ready tells why the server can't do its work now; always ready when nil.
	Ready func(context.Context) error
	// GitVersion, GitCommit and BuildDate are told by /version. Clients go by the
	// minor version of Kubernetes that GitVersion starts with: v1.32.0+powernode by default.
	GitVersion, GitCommit, BuildDate string
}

// Server is the API as an http.Handler. It is safe for concurrent use.
type Server struct {
	cfg         Config
	echo        *echo.Echo
	current     atomic.Pointer[catalog]
	typed       *typed
	exchanged   store.Bell // rings when current is another one
	encodings   encodings  // of objects
	events      encodings
	conversions conversions
	fieldSets   fieldSets
	streams     streams
	limits      limits
	policy      *policy
	metrics     *metrics
	floods      *floods
}

// New makes a Server; it serves until its caller's http.Server stops.
func New(cfg Config) (*Server, error) {
	if cfg.Store == nil || len(cfg.Kinds) == 0 || (cfg.Authenticate == nil && cfg.Identity == nil) {
		return nil, errors.New("api server: Store, Kinds and Authenticate must be set")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Registry == nil {
		cfg.Registry = prometheus.NewRegistry()
	}
	if cfg.Identity == nil { // on the store itself: what it writes is no request's doing
		cfg.Identity = &identity.Service{Store: cfg.Store, Bootstrap: cfg.Authenticate}
	}
	if cfg.Audit != nil {
		cfg.Store = auditedStore{cfg.Store}
	}
	s := &Server{
		cfg: cfg, limits: newLimits(cfg.Limits), floods: newFloods(), encodings: encodings{budget: encodedBytes},
		events: encodings{budget: eventBytes}, conversions: conversions{budget: convertedBytes}, fieldSets: fieldSets{budget: fieldSetsBytes},
	}
	s.cfg.Store = settling{cfg.Store, s}
	catalog, err := newCatalog(cfg.Kinds, nil)
	if err != nil {
		return nil, err
	}
	catalog.revision = -1
	s.current.Store(catalog)
	if s.typed, err = newTyped(); err != nil {
		return nil, err
	}
	if s.metrics, err = newMetrics(cfg.Registry); err != nil {
		return nil, err
	}
	limitCopies()
	s.policy = newPolicy(cfg.Store, cfg.Log)
	s.streams.still = func(p *permit) error { return s.stillAllowed(context.Background(), p) }
	s.route()
	return s, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.echo.ServeHTTP(w, r) }

// Drain ends all watches, followed logs and long polls, now and from now on, and
// makes /readyz fail: so that http.Server.Shutdown, called after it, returns when the
// short requests are done.
func (s *Server) Drain() { s.streams.drain() }

func (s *Server) route() {
	e := echo.New()
	s.echo = e
	e.HTTPErrorHandler = s.fail
	e.Use(identify, s.observe, s.audit, s.recover, s.authenticate, s.limit, s.impersonate, s.authorize)

	e.GET("/version", s.version)
	for _, path := range []string{"/healthz", "/livez"} {
		e.GET(path, s.alive)
	}
	e.GET("/readyz", s.readyz)
	e.GET("/health", s.health)
	e.GET("/health/live", s.healthLive)
	e.GET("/health/ready", s.health)
	e.GET("/metrics", echo.WrapHandler(promhttp.HandlerFor(s.cfg.Registry, promhttp.HandlerOpts{})))

	e.GET("/api", s.settled(s.coreVersions))
	e.GET("/api/", s.settled(s.coreVersions))
	e.GET("/apis", s.settled(s.groups))
	e.GET("/apis/", s.settled(s.groups))
	e.GET("/apis/:group", s.settled(s.group))
	e.Any("/api/*", s.resource)
	e.Any("/apis/:group/*", s.resource)
	e.GET("/openapi/v2", s.settled(s.openapiV2))
	e.GET("/openapi/v3", s.settled(s.openapiIndex))
	e.GET("/openapi/v3/*", s.settled(s.openapiDocument))
	e.GET("/openid/v1/jwks", s.publicKeys)
	e.POST("/openid/v1/jwks", s.rotateKeys)
	e.GET("/.well-known/openid-configuration", s.openIDConfiguration)
	if s.cfg.Audit != nil {
		e.GET("/audit/v1/records", s.auditRecords)
		e.GET("/audit/v1/links", s.auditLinks)
	}
	if s.cfg.Tasks != nil {
		s.routeRunner(e.Group("/runner/v1"))
	}
}
