package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// startRunner starts a pnrunner of its own against the server.
func startRunner(t *testing.T, s *server, name string) *exec.Cmd {
	t.Helper()
	log, err := os.Create(filepath.Join(s.dir, name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program(t, "pnrunner"), "--server", s.url(), "--name", name,
		"--ca-file", filepath.Join(s.dir, "tls.crt"), "--token-file", filepath.Join(s.dir, "runner.token"), "--dir", t.TempDir(), "--docker", "off")
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		log.Close()
		if t.Failed() {
			data, _ := os.ReadFile(log.Name())
			t.Logf("pnrunner %s said:\n%s", name, data)
		}
	})
	return cmd
}
