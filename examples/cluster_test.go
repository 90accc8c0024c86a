package examples

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/powernode/powernode/examples/chaos"
	"github.com/powernode/powernode/store/postgres"
)

// cluster is several servers on a PostgreSQL that outlives them, each of which reaches it
// through proxies of its own: one for the connection that listens, one for all others.
type cluster struct {
	t            *testing.T
	database     *postgres.Private
	servers      []*server
	nodes        []*chaos.Node
	data, listen []*chaos.Proxy
	held         context.CancelFunc // ends the transaction that is held open
}

// startCluster starts PostgreSQL and servers; all end with the test.
func startCluster(t *testing.T, servers int) *cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("needs PostgreSQL")
	}
	c := &cluster{t: t}
	c.startDatabase()
	keys := filepath.Join(t.TempDir(), "encryption.key")
	for i := range servers {
		data, listen := c.proxy(), c.proxy()
		c.data, c.listen = append(c.data, data), append(c.listen, listen)
		s := startServer(t, "--roles", "api,controllers", "--encryption-key-file", keys, "--database-url", c.through(data), "--database-listen-url", c.through(listen))
		c.servers = append(c.servers, s)
		c.nodes = append(c.nodes, &chaos.Node{Name: fmt.Sprint("server ", i)})
		c.serve(i)
	}
	c.servers[0].pnctl("create", "namespace", chaos.Namespace)
	return c
}

// startDatabase starts a PostgreSQL that is started again whenever it ends.
func (c *cluster) startDatabase() {
	t := c.t
	t.Helper()
	database, err := postgres.StartPrivate(t.Context(), reachable(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	keeping, stop := context.WithCancel(context.Background())
	kept := make(chan error, 1)
	go func() { kept <- database.Keep(keeping) }()
	t.Cleanup(func() {
		stop()
		if err := <-kept; err != nil {
			t.Error(err)
		}
		if err := database.Stop(); err != nil {
			t.Error(err)
		}
	})
	c.database = database
}

func (c *cluster) proxy() *chaos.Proxy {
	c.t.Helper()
	u, err := url.Parse(c.database.DSN())
	if err != nil {
		c.t.Fatal(err)
	}
	p, err := chaos.OpenProxy("unix", u.Query().Get("host")+"/.s.PGSQL.5432")
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(p.Close)
	return p
}

// through is the database's URL by way of a proxy.
func (c *cluster) through(p *chaos.Proxy) string {
	return "postgres://powernode@" + p.Address() + "/postgres?sslmode=disable"
}

// serve tells clients where a server has come up.
func (c *cluster) serve(i int) {
	c.t.Helper()
	s := c.servers[i]
	c.nodes[i].Serve(strings.Replace(s.url(), "https:", "http:", 1), s.token())
}

// psql runs a query and returns what it printed.
func (c *cluster) psql(query string) (string, error) {
	out, err := exec.CommandContext(c.t.Context(), "psql", "-X", "-A", "-t", c.database.DSN(), "-c", query).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("psql: %w: %s", err, out)
	}
	return string(out), err
}

// holdTransaction opens a transaction that has a number and has read everything, and leaves it open.
func (c *cluster) holdTransaction() {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "psql", "-X", c.database.DSN(), "-c",
		`BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT txid_current(), (SELECT count(*) FROM objects), (SELECT count(*) FROM changes); SELECT pg_sleep(86400)`)
	if err := cmd.Start(); err != nil {
		cancel()
		c.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }() // killed, or ended by the database
	c.held = func() { cancel(); <-ended }
	c.t.Cleanup(c.held)
	eventually(c.t, "the transaction is held open", func() error {
		out, err := c.psql(`SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(86400)' AND pid <> pg_backend_pid()`)
		if err == nil && strings.TrimSpace(out) == "0" {
			err = fmt.Errorf("not yet")
		}
		return err
	})
}

// logged are the revisions of the log of changes itself.
func (c *cluster) logged(h *chaos.History, last int64) (all []int64) {
	c.t.Helper()
	out, err := c.psql(fmt.Sprintf(`SELECT rev FROM changes WHERE kind = 'ConfigMap' AND ns = '%s' AND rev > %d AND rev <= %d ORDER BY rev`, chaos.Namespace, h.Start(), last))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, line := range strings.Fields(out) {
		r, err := strconv.ParseInt(line, 10, 64)
		if err != nil {
			c.t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}
