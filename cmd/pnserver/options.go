package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/powernode/powernode/cmd/internal/logging"
)

// The roles that a process may have.
const (
	roleAPI         = "api"
	roleControllers = "controllers"
	roleRunner      = "runner"
)

// options are the flags of serve.
type options struct {
	listen      string
	dataDir     string
	databaseURL string
	listenURL   string
	migrate     bool
	metrics     string
	logging     logging.Options
	roles       []string
	tlsCert     string
	tlsKey      string
	tlsSelf     bool
	server      string
	sealing     sealingOptions
	auditKept   time.Duration
	versions    time.Duration
	serverCA    string
	proxies     []string
	trusted     []netip.Prefix // of proxies
	identity    identityOptions
}

func serveCommand() *cobra.Command {
	o := options{}
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the API, the controllers and a runner",
		Long: `Run the API, the controllers and a runner.

With no database named, a private PostgreSQL is started in the data directory
and stopped at the end. The address and token of an administrator are written to
<data-dir>/admin.kubeconfig: pnctl finds it by itself in the default directory, and it and
kubectl take it with --kubeconfig.`,
		Example: `  # All in one, on http(s)://127.0.0.1:3000
  pnserver serve

  # For other machines too
  pnserver serve --listen 0.0.0.0:3000 --tls-self-signed

  # On a PostgreSQL of your own; steps are left to pnrunner, on whatever machine
  pnserver serve --roles api,controllers --database-url postgres://powernode@db/powernode`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return serve(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:3000", "address of the API; anything but loopback needs TLS")
	f.StringVar(&o.dataDir, "data-dir", defaultDataDir(), "where tokens, artifacts and the private PostgreSQL live")
	f.StringVar(&o.databaseURL, "database-url", "", "PostgreSQL 15 or newer to use (default $DATABASE_URL, else a private server)")
	f.StringVar(&o.listenURL, "database-listen-url", "", "direct address of the same database for LISTEN (default $DATABASE_LISTEN_URL), needed where --database-url is a pooler that keeps no sessions")
	f.BoolVar(&o.migrate, "migrate", true, "bring the database's tables to this version; else a database that is not is refused, and pnserver db migrate does it")
	f.StringVar(&o.metrics, "metrics-listen", "", "address to serve /metrics and /readyz at over plain HTTP, without a token: for processes without the role api, whose metrics are nowhere else")
	o.logging.AddFlags(f)
	f.StringSliceVar(&o.roles, "roles", []string{roleAPI, roleControllers, roleRunner}, "what this process does, separated by commas: api (serves clients), controllers (make the world match; the processes of a database share the work), runner (executes steps)")
	f.StringVar(&o.tlsCert, "tls-cert", "", "certificate file (PEM) to serve HTTPS with")
	f.StringVar(&o.tlsKey, "tls-key", "", "key file (PEM) of --tls-cert")
	f.BoolVar(&o.tlsSelf, "tls-self-signed", false, "serve HTTPS with a certificate made and kept in the data directory")
	f.StringVar(&o.server, "server", "", "API that the runner talks to (default: that of this process)")
	f.StringVar(&o.serverCA, "server-ca", "", "file with the authority (PEM) of --server's certificate (default: the system's)")
	f.StringSliceVar(&o.proxies, "trusted-proxies", nil, "addresses or networks (10.0.0.0/8) of proxies that may say in X-Forwarded-For whom a call comes from, for the audit log")
	o.identity.addFlags(f)
	o.sealing.addFlags(f)
	f.DurationVar(&o.auditKept, "audit-retention", 400*24*time.Hour, "how long audit records are kept; they are dropped by the week")
	f.DurationVar(&o.versions, "history-retention", 90*24*time.Hour, "how long the history of an object is kept after it was deleted")
	return c
}

func defaultDataDir() string {
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "powernode")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "powernode-data"
	}
	return filepath.Join(home, ".local", "state", "powernode")
}

func (o *options) has(role string) bool { return slices.Contains(o.roles, role) }

func (o *options) tls() bool { return o.tlsSelf || o.tlsCert != "" }

// check completes the options and refuses those that can't be meant.
func (o *options) check() error {
	if o.databaseURL == "" {
		o.databaseURL = os.Getenv("DATABASE_URL")
	}
	if o.listenURL == "" && o.databaseURL != "" {
		o.listenURL = os.Getenv("DATABASE_LISTEN_URL")
	}
	for _, role := range o.roles {
		if role != roleAPI && role != roleControllers && role != roleRunner {
			return fmt.Errorf("--roles: %q is not a role; there are api, controllers, runner", role)
		}
	}
	if len(o.roles) == 0 {
		return fmt.Errorf("--roles: name at least one of api, controllers, runner")
	}
	if (o.tlsCert == "") != (o.tlsKey == "") {
		return fmt.Errorf("--tls-cert and --tls-key go together")
	}
	if o.tlsSelf && o.tlsCert != "" {
		return fmt.Errorf("--tls-self-signed and --tls-cert exclude each other")
	}
	if err := o.identity.check(); err != nil {
		return err
	}
	dir, err := filepath.Abs(o.dataDir)
	if err != nil {
		return fmt.Errorf("--data-dir: %w", err)
	}
	o.dataDir = dir
	if err := o.checkProxies(); err != nil {
		return err
	}
	if o.auditKept < 24*time.Hour || o.versions < time.Hour {
		return fmt.Errorf("--audit-retention is at least 24h, --history-retention at least 1h")
	}
	return o.checkListen()
}

func (o *options) checkProxies() error {
	for _, text := range o.proxies {
		network, err := netip.ParsePrefix(text)
		if ip, single := netip.ParseAddr(text); single == nil {
			network, err = netip.PrefixFrom(ip, ip.BitLen()), nil
		}
		if err != nil {
			return fmt.Errorf("--trusted-proxies: %q is neither an address nor a network such as 10.0.0.0/8", text)
		}
		o.trusted = append(o.trusted, network)
	}
	return nil
}

func (o *options) checkListen() error {
	if _, _, err := net.SplitHostPort(o.listen); err != nil {
		return fmt.Errorf("--listen: %q is not host:port, such as 127.0.0.1:3000", o.listen)
	}
	if !o.loopback() && !o.tls() {
		return fmt.Errorf("--listen %s: without TLS the API is served on loopback only, as tokens cross it; add --tls-self-signed or --tls-cert and --tls-key", o.listen)
	}
	return nil
}

// loopback reports whether only this machine can reach the address.
func (o *options) loopback() bool {
	host, _, err := net.SplitHostPort(o.listen)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
