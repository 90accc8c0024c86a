package examples

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestSIGTERMStopsWhatWasStarted(t *testing.T) {
	s := startServer(t)
	pid := postmaster(t, s.dir)
	s.stop()
	if err := syscall.Kill(pid, 0); err == nil {
		t.Errorf("PostgreSQL (process %d) still runs", pid)
	}
	info, err := os.Stat(s.kubeconfig())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("admin.kubeconfig: %v, %v; want mode 0600", info.Mode(), err)
	}
	before := s.token()
	s.start()
	if s.token() != before {
		t.Errorf("the token changed over a restart")
	}
}

// postmaster finds the process of the private PostgreSQL in a data directory.
func postmaster(t *testing.T, dir string) int {
	t.Helper()
	var pid int
	filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == "postmaster.pid" {
			data, _ := os.ReadFile(path)
			first, _, _ := strings.Cut(string(data), "\n")
			pid, _ = strconv.Atoi(first)
		}
		return nil
	})
	if pid == 0 {
		t.Fatalf("no postmaster.pid below %s", dir)
	}
	return pid
}

func TestAPostgreSQLThatDiesAloneIsStartedAgain(t *testing.T) {
	s := startServer(t)
	s.pnctl("create", "configmap", "before", "--from-literal=a=1")
	for _, name := range []string{"after-1", "after-2"} { // one that was started again is kept as the first was
		if err := syscall.Kill(postmaster(t, s.dir), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the server answers again", func() error {
			_, err := s.try("pnctl", "create", "configmap", name)
			return err
		})
	}
	if got := s.get("configmap/before", ".data.a"); got != "1" {
		t.Errorf("an acknowledged write is lost: %q", got)
	}
	// The controllers, too, are back at work.
	s.apply(manifest("Pipeline", "again", "  steps: [{name: only, type: custom, with: {run: \"echo done\"}}]\n"))
	s.waitFor("jsonpath={.status.phase}=success", strings.TrimSpace(s.pnctl("run", "again", "-o", "name")))
}

// A half-dead server would be worse than none: it ends, and says why.
func TestAPostgreSQLThatCannotBeStartedAgainEndsTheServer(t *testing.T) {
	s := startServer(t)
	pid := postmaster(t, s.dir)
	if err := os.Rename(filepath.Join(s.dir, "postgres", "data"), filepath.Join(s.dir, "gone")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-s.done:
		s.cmd = nil
		if err == nil {
			t.Error("it ended with success")
		}
	case <-time.After(deadline):
		t.Error("it still runs")
	}
	if said := s.said(40); !strings.Contains(said, "start the private PostgreSQL in") || !strings.Contains(said, "could not access directory") {
		t.Errorf("it said:\n%s", said)
	}
}

func TestAPostgreSQLThatDiesIsSurvived(t *testing.T) {
	s := startServer(t)
	s.pnctl("create", "configmap", "before", "--from-literal=a=1")
	if err := syscall.Kill(postmaster(t, s.dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.kill() // its owner dies with it; the next start recovers the cluster
	s.start()
	if got := s.get("configmap/before", ".data.a"); got != "1" {
		t.Errorf("an acknowledged write is lost: %q", got)
	}
	s.pnctl("create", "configmap", "after", "--from-literal=a=1")
}

func TestHTTPSWithACertificateOfItsOwn(t *testing.T) {
	s := startServer(t, "--listen", "0.0.0.0:0", "--tls-self-signed")
	if !strings.HasPrefix(s.url(), "https://127.0.0.1:") {
		t.Errorf("server: %s", s.url())
	}
	out, err := s.try("kubectl", "get", "namespaces")
	if err != nil || !strings.Contains(out, "default") {
		t.Errorf("kubectl over HTTPS: %v\n%s", err, out)
	}
}

// One process a role, and a runner of another name: what one process does, three do.
func TestRolesInProcessesOfTheirOwn(t *testing.T) {
	s := startServer(t, "--roles", "api,controllers")
	s.apply(manifest("Pipeline", "split", "  steps: [{name: only, type: custom, with: {run: \"echo over there\"}}]\n"))
	run := strings.TrimSpace(s.pnctl("run", "split", "-o", "name"))
	s.says(run, "phase: queued")
	startRunner(t, s, "elsewhere")
	s.waitFor("jsonpath={.status.phase}=success", run)
	if got := s.get(run, ".status.steps[0].runner"); got != "elsewhere" {
		t.Errorf("runner: %q", got)
	}
	if out := s.pnctl("logs", run); !strings.Contains(out, "over there") {
		t.Errorf("log: %q", out)
	}
}

// Every manifest here is accepted by the real thing, in the order of its file name.
func TestEveryExampleIsAccepted(t *testing.T) {
	s := startServer(t, "--roles", "api")
	for _, pattern := range []string{"*.yaml", "quickstart/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		for _, file := range files {
			if out, err := s.try("pnctl", "apply", "-f", file); err != nil {
				t.Errorf("%s: %v", file, err)
			} else if again := s.pnctl("apply", "-f", file) + s.kubectl(args("apply -f "+file)); again != strings.Repeat(strings.ReplaceAll(out, " created\n", " unchanged\n"), 2) {
				t.Errorf("%s: applied again and again: %s then %s", file, out, again)
			}
		}
	}
}
