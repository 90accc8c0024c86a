package examples

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// deadline is how long a condition may take on a slow machine; no test
// measures anything with it.
const deadline = 2 * time.Minute

// bin is where TestMain puts the programs.
var bin string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "powernode-bin-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		bin = dir
		return m.Run()
	}())
}

// program builds one of our commands, once a test run, and returns its path.
func program(t *testing.T, name string) string {
	t.Helper()
	return programWith(t, name, "")
}

// programWith is program with a build tag. It is not built under the race detector, which would slow its many lives down.
func programWith(t *testing.T, name, tag string) string {
	t.Helper()
	path := filepath.Join(bin, name+tag)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	lookAtSources(t)
	args := []string{"build", "-tags", tag, "-o", path}
	if raceEnabled && name != "pnctl" && tag == "" { // whose many short lives would take most of the time
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "../cmd/"+name)...).CombinedOutput()
	if err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	return path
}

// lookAtSources looks into every folder of sources: the go command keeps a test's result until
// something changes that the test looked at, and what is built here it does not look at itself.
func lookAtSources(t *testing.T) {
	t.Helper()
	for _, top := range []string{"../api", "../cmd", "../controllers", "../reconcile", "../schemas", "../store"} {
		if err := filepath.WalkDir(top, func(string, os.DirEntry, error) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
}

// server is a pnserver process of a test, with a data directory of its own.
type server struct {
	t     *testing.T
	dir   string
	flags []string
	tag   string   // it is built with
	env   []string // besides ours
	cmd   *exec.Cmd
	done  chan error
}

// startServer starts pnserver on a free port and waits until it is ready. It is
// stopped at the end of the test, and must then leave nothing behind.
func startServer(t *testing.T, flags ...string) *server {
	t.Helper()
	if testing.Short() {
		t.Skip("needs PostgreSQL and Docker")
	}
	s := &server{t: t, dir: reachable(t), flags: flags}
	s.ends()
	s.start()
	return s
}

// ends stops the server at the end of the test.
func (s *server) ends() {
	t := s.t
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("pnserver said:\n%s", s.said(60))
		}
	})
}

// reachable is a temporary directory that PostgreSQL's own user can reach, so
// that a test run as root keeps its cluster there and leaves nothing behind.
func reachable(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func (s *server) start() {
	s.t.Helper()
	s.launch()
	eventually(s.t, "pnserver is ready", func() error {
		select {
		case err := <-s.done:
			s.done <- err
			s.t.Fatalf("pnserver ended: %v\n%s", err, s.said(40))
		default:
		}
		_, err := s.try("pnctl", "get", "--raw", "/readyz")
		return err
	})
}

// launch starts the process and does not wait until it is ready.
func (s *server) launch() {
	s.t.Helper()
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--data-dir", s.dir, "--log-format", "json"}, s.flags...)
	s.cmd = exec.Command(programWith(s.t, "pnserver", s.tag), args...)
	s.cmd.Stderr = log
	s.cmd.Env = append(os.Environ(), "DATABASE_URL=", "POISON=server-environment-must-not-leak")
	s.cmd.Env = append(s.cmd.Env, s.env...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.done = make(chan error, 1)
	go func(cmd *exec.Cmd, done chan error) { done <- cmd.Wait() }(s.cmd, s.done)
}

// kill is kill -9: nothing of the process gets to say goodbye.
func (s *server) kill() {
	s.t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	<-s.done
	s.cmd = nil
}

// stop is SIGTERM, and waits for the end.
func (s *server) stop() {
	s.t.Helper()
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-s.done:
		if err != nil {
			s.t.Errorf("pnserver on SIGTERM: %v", err)
		}
	case <-time.After(deadline):
		s.cmd.Process.Kill()
		<-s.done
		s.t.Errorf("pnserver does not stop on SIGTERM")
	}
	s.cmd = nil
}

func (s *server) kubeconfig() string { return filepath.Join(s.dir, "admin.kubeconfig") }

// try runs pnctl or kubectl against the server and returns what it printed.
func (s *server) try(name string, args ...string) (string, error) {
	return s.tryInput("", name, args...)
}

func (s *server) tryInput(input, name string, args ...string) (string, error) {
	s.t.Helper()
	path := name
	if name == "pnctl" {
		path = program(s.t, name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdin = strings.NewReader(input)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+s.kubeconfig(), "PNCTL_CONFIG="+s.kubeconfig(), "HOME="+s.home())
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// home keeps kubectl's discovery cache out of other tests.
func (s *server) home() string {
	home := filepath.Join(s.dir, "home")
	os.MkdirAll(home, 0o755)
	return home
}

// pnctl runs a command that has to succeed.
func (s *server) pnctl(args ...string) string {
	s.t.Helper()
	out, err := s.try("pnctl", args...)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// apply applies a manifest given as text.
func (s *server) apply(manifest string) {
	s.t.Helper()
	if _, err := s.tryInput(manifest, "pnctl", "apply", "-f", "-"); err != nil {
		s.t.Fatal(err)
	}
}

// waitFor waits as kubectl wait does.
func (s *server) waitFor(what, object string) {
	s.t.Helper()
	s.pnctl("wait", "--for="+what, object, "--timeout="+deadline.String())
}

// get reads one JSONPath of an object; "" when it is absent.
func (s *server) get(object, path string) string {
	s.t.Helper()
	return s.pnctl("get", object, "-o", "jsonpath={"+path+"}")
}

// eventually tries until f returns no error.
func eventually(t *testing.T, what string, f func() error) {
	t.Helper()
	end := time.Now().Add(deadline)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (s *server) url() string {
	s.t.Helper()
	return s.pnctl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
}

func (s *server) token() string {
	s.t.Helper()
	return s.pnctl("config", "view", "--minify", "--raw", "-o", "jsonpath={.users[0].user.token}")
}

// request makes a call by hand, over plain HTTP; path is absolute.
func (s *server) request(method, path, token string, body []byte) *http.Response {
	s.t.Helper()
	req, err := http.NewRequest(method, strings.Replace(s.url(), "https:", "http:", 1)+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func (s *server) logFile() string { return filepath.Join(s.dir, "pnserver.log") }

// said is the end of the server's log, over all its lives.
func (s *server) said(lines int) string {
	data, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
