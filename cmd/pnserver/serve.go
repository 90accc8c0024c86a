package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/powernode/powernode/api/identity"
	"github.com/powernode/powernode/api/server"
	"github.com/powernode/powernode/store/postgres"
)

// drainTime is how long a stop waits for requests and passes under way.
const drainTime = 20 * time.Second

// serve runs the roles until ctx ends, then stops them: first the runner and the
// API, so that nothing new comes in, then the controllers, then the store and the
// PostgreSQL below it.
func serve(ctx context.Context, o options) error {
	log, err := o.logging.New()
	if err != nil {
		return err
	}
	unlock, err := lockDataDir(o.dataDir)
	if err != nil {
		return err
	}
	defer unlock()
	access, err := openAccess(o.dataDir)
	if err != nil {
		return err
	}
	p := &process{options: o, log: log, access: access, registry: newRegistry()}
	defer p.closeAll()
	if err := p.start(ctx); err != nil {
		return err
	}
	return p.run(ctx)
}

// process is one running pnserver.
type process struct {
	options
	log      *slog.Logger
	access   *access
	registry *prometheus.Registry

	url      string // where the API is
	ca       string // file with the authority of its certificate; "" for the system's
	listener net.Listener
	tls      *tls.Config // of HTTPS
	database *postgres.Store
	known    *identity.Service
	closers  []func() // in the order of opening; closed backwards

	privateLost chan error // what Keep of the private PostgreSQL returned; nil without one
}

func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildInfo())
	return r
}

func (p *process) onClose(f func()) { p.closers = append(p.closers, f) }

func (p *process) closeAll() {
	for i := len(p.closers) - 1; i >= 0; i-- {
		p.closers[i]()
	}
}

// start opens what run needs.
func (p *process) start(ctx context.Context) error {
	if p.has(roleAPI) {
		if err := p.bind(); err != nil {
			return err
		}
	}
	if p.has(roleAPI) || p.has(roleControllers) {
		return p.openStore(ctx)
	}
	return nil
}

// bind takes the address first, so that a second server on it fails before it
// does anything, and tells an administrator's clients where it is.
func (p *process) bind() error {
	config, err := p.certificates()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", p.listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", p.listen, err)
	}
	p.onClose(func() { listener.Close() })
	p.listener, p.tls = listener, config
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(p.listen)
	if err != nil {
		return err
	}
	p.url = "https://" + net.JoinHostPort(certName(host), port)
	return p.access.writeKubeconfig(p.url, p.ca)
}

func (p *process) openStore(ctx context.Context) error {
	dsn, flag := p.databaseURL, "--database-url"
	if dsn == "" {
		flag = "private PostgreSQL"
		var err error
		if dsn, err = p.startPrivate(ctx); err != nil {
			return fmt.Errorf("private PostgreSQL: %w", err)
		}
	}
	keys, err := p.sealing.source(p.dataDir)
	if err != nil {
		return err
	}
	database, err := postgres.Open(ctx, postgres.Config{
		DSN: dsn, ListenDSN: p.listenURL, Log: p.log, Registerer: p.registry,
		AuditKept: p.auditKept, VersionsKept: p.versions, Keys: keys, Sealed: sealedKinds(), Unmigrated: !p.migrate,
	})
	if err != nil {
		return refusedStore(flag, err, p.listenURL)
	}
	p.onClose(database.Close)
	p.database = database
	p.known = p.identity.service(database, p.access, p.log)
	if err := server.SeedRoles(ctx, database); err != nil {
		return err
	}
	return seed(ctx, database)
}

// refusedStore names the flag that is to be changed.
func refusedStore(flag string, err error, listenURL string) error {
	switch {
	case errors.Is(err, postgres.ErrPooled) && listenURL == "":
		return fmt.Errorf("%s: %w: give the direct address of the same database by --database-listen-url, where changes by other servers are listened for", flag, err)
	case errors.Is(err, postgres.ErrPooled) || errors.Is(err, postgres.ErrDeaf):
		return fmt.Errorf("--database-listen-url: %w: give the direct address of the database of %s", err, flag)
	}
	return fmt.Errorf("%s: %w", flag, err)
}

// startPrivate starts a PostgreSQL of our own and keeps it running until everything
// that uses it is closed.
func (p *process) startPrivate(ctx context.Context) (dsn string, err error) {
	private, err := postgres.StartPrivate(ctx, filepath.Join(p.dataDir, "postgres"), p.log)
	if err != nil {
		return "", err
	}
	p.watchDisk(private.Home())
	keeping, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.privateLost = make(chan error, 1)
	go func() { p.privateLost <- private.Keep(keeping); close(p.privateLost) }()
	p.onClose(func() {
		cancel()
		for range p.privateLost { // until Keep has ended
		}
		if err := private.Stop(); err != nil {
			p.log.Error("private PostgreSQL did not stop", "error", err)
		}
	})
	return private.DSN(), nil
}

// run runs the roles until ctx ends, one of them fails, or the private PostgreSQL is lost.
func (p *process) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	parts, err := p.parts()
	if err != nil {
		return err
	}
	for _, part := range parts {
		group.Go(func() error { return part(ctx) })
	}
	group.Go(func() error {
		select {
		case err := <-p.privateLost:
			return err
		case <-ctx.Done():
			return nil
		}
	})
	p.log.Info("ready", "url", p.url, "roles", p.roles, "kubeconfig", p.access.kubeconfig)
	err = group.Wait()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return err
}

// serveHTTP serves until ctx ends, then lets requests finish while drain ends
// watches: HTTPS, and on loopback plain HTTP at the same address.
func (p *process) serveHTTP(ctx context.Context, handler http.Handler, drain func()) error {
	s := p.httpServer(handler)
	s.RegisterOnShutdown(drain)
	ended := make(chan error, 2)
	secure := p.listener
	if p.loopback() {
		var plain net.Listener
		plain, secure = splitTLS(p.listener)
		go func() { ended <- s.Serve(plain) }()
	}
	go func() { ended <- s.ServeTLS(secure, "", "") }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err := s.Shutdown(grace); err != nil {
		s.Close()
	}
	return nil
}

// idleTime is how long a connection is kept on which nothing is asked: anybody can open them.
const idleTime = 3 * time.Minute

// httpServer has no deadline for a whole request: watches, logs and uploads last.
func (p *process) httpServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		TLSConfig:         p.tls.Clone(), // a server changes it
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       idleTime,
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
}

// lockDataDir makes the directory and keeps a second server out of it.
func lockDataDir(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("--data-dir: %w", err)
	}
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--data-dir: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("--data-dir %s: another pnserver runs on it; stop it or name another directory", dir)
	}
	return func() { f.Close() }, nil
}
