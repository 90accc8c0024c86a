// Package pgtest gives each test a schema of its own in a real PostgreSQL: on the
// server that POWERNODE_TEST_DATABASE_URL names, else on a private one that the test process
// shares and that ends with it, however it ends.
package pgtest

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/store/postgres"
)

// server is the one of this process, started when it is first needed.
var server = sync.OnceValues(start)

// running is a server, and the pipe that keeps it running.
type running struct {
	dsn  string
	pipe io.Closer
}

// DSN is the URL of a fresh schema, which is dropped after the test. Without PostgreSQL
// the test fails, with what to install; under -short it is skipped.
func DSN(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("needs PostgreSQL; run without -short")
	}
	shared, err := server()
	if err != nil {
		t.Fatalf("%v\nTo use a server of your own: POWERNODE_TEST_DATABASE_URL=postgres://... go test ./...", err)
	}
	dsn := shared.dsn
	schema := "test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	execute(t, dsn, "CREATE SCHEMA "+schema)
	t.Cleanup(func() { execute(t, dsn, "DROP SCHEMA "+schema+" CASCADE") })
	in, err := within(dsn, schema)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// Exec executes a statement in the schema of a DSN, as a test does to look behind the store.
func Exec(t testing.TB, dsn, statement string, args ...any) {
	t.Helper()
	execute(t, dsn, statement, args...)
}

func execute(t testing.TB, dsn, statement string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatalf("connect to PostgreSQL: %v", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// within adds the schema to a URL.
func within(dsn, schema string) (string, error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme == "" {
		return "", fmt.Errorf("POWERNODE_TEST_DATABASE_URL must be a URL (postgres://...): %w", err)
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String(), nil
}

func start() (running, error) {
	if dsn := os.Getenv("POWERNODE_TEST_DATABASE_URL"); dsn != "" {
		return running{dsn: dsn}, nil
	}
	dir, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		return running{}, err
	}
	private, err := postgres.StartPrivate(context.Background(), dir, nil)
	if err != nil {
		_ = os.RemoveAll(dir)
		return running{}, err
	}
	pipe, err := stopWithUs(private, dir)
	return running{private.DSN(), pipe}, err
}

// stopWithUs leaves a shell behind that stops the server when this process has ended:
// the pipe to it closes then, even after a kill -9.
func stopWithUs(private *postgres.Private, dir string) (io.Closer, error) {
	const script = `cat >/dev/null; kill -QUIT "$1"; n=0
		while [ -e "$3/data/postmaster.pid" ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done; rm -rf "$2" "$3"`
	pipe, err := leaveBehind(script, fmt.Sprint(private.PID()), dir, private.Home())
	if err != nil {
		_ = private.Stop()
	}
	return pipe, err
}

// leaveBehind runs a script whose input ends with this process.
func leaveBehind(script string, args ...string) (io.Closer, error) {
	shell := exec.Command("/bin/sh", append([]string{"-c", script, "sh"}, args...)...)
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipe, err := shell.StdinPipe()
	if err == nil {
		err = shell.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("leave somebody behind to stop what was started: %w", err)
	}
	return pipe, nil
}
