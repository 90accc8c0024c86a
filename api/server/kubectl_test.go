package server_test

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/powernode/powernode/api/server"
)

// kubectl is a real one, with a home of its own.
type kubectl struct {
	*harness
	home    string
	program string // its file, or kubectl for the one on the PATH
	editor  string // the command that edit runs
}

func startKubectl(t *testing.T, change ...func(*server.Config)) *kubectl {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the real kubectl")
	}
	if _, err := exec.LookPath("kubectl"); err != nil {
		t.Fatal("kubectl is needed: install it, for example with: apt-get install kubernetes-client")
	}
	k := &kubectl{harness: start(t, change...), home: t.TempDir(), program: "kubectl"}
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.ca.Raw})
	config := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: %q, certificate-authority-data: %s}}]
users: [{name: admin, user: {token: %s}}]
contexts: [{name: test, context: {cluster: test, user: admin}}]
current-context: test
`, k.URL, base64.StdEncoding.EncodeToString(authority), adminToken)
	k.file("config", config)
	return k
}

// file writes a file into the home and returns its path.
func (k *kubectl) file(name, content string) string {
	k.Helper()
	path := filepath.Join(k.home, name)
	if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
		k.Fatal(err)
	}
	return path
}

func (k *kubectl) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, k.program, args...)
	cmd.Env = []string{"HOME=" + k.home, "KUBECONFIG=" + filepath.Join(k.home, "config"), "PATH=" + os.Getenv("PATH"), "TMPDIR=" + k.home, "EDITOR=" + k.editor}
	cmd.Dir = k.home
	return cmd
}

// try runs kubectl and returns what it said and whether it succeeded.
func (k *kubectl) try(args ...string) (string, bool) {
	k.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := k.command(ctx, args...).CombinedOutput()
	if ctx.Err() != nil {
		k.Fatalf("kubectl %s: did not end: %s", strings.Join(args, " "), out)
	}
	return string(out), err == nil
}

// run wants success and all the parts in the output.
func (k *kubectl) run(args []string, parts ...string) string {
	k.Helper()
	out, ok := k.try(args...)
	if !ok {
		k.Fatalf("kubectl %s: %s", strings.Join(args, " "), out)
	}
	contains(k, "kubectl "+strings.Join(args, " "), out, parts...)
	return out
}

// fails wants an error and all the parts in the output.
func (k *kubectl) fails(args []string, parts ...string) {
	k.Helper()
	out, ok := k.try(args...)
	if ok {
		k.Fatalf("kubectl %s succeeded: %s", strings.Join(args, " "), out)
	}
	contains(k, "kubectl "+strings.Join(args, " "), out, parts...)
}

// edits runs edit, in which the command replaces the value by another one wherever a line has the
// mark. It is no file that was just written: such a one can't be run while another test forks.
func (k *kubectl) edits(args []string, mark, value, another string) {
	k.Helper()
	k.editor = fmt.Sprintf("sed -i /%s/s/%s/%s/", mark, value, another)
	k.run(args, "edited")
}

func contains(t testing.TB, what, out string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(out, part) {
			t.Fatalf("%s: no %q in:\n%s", what, part, out)
		}
	}
}

// background starts a kubectl that goes on; its output grows in the buffer.
func (k *kubectl) background(args ...string) *syncBuffer {
	k.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out := newSyncBuffer()
	cmd := k.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		k.Fatal(err)
	}
	k.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // killed
	})
	return out
}

func args(line string) []string { return strings.Fields(line) }

func read(t testing.TB, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
