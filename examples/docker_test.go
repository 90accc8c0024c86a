package examples

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// image makes the quickstart's image under a name of the test's own, and
// removes it at the end.
func image(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("needs Docker")
	}
	if out, err := exec.Command("docker", "version").CombinedOutput(); err != nil {
		t.Fatalf("no Docker engine answers; start one by: make setup\n%s", out)
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, "hello"), "./quickstart/hello")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build hello: %v\n%s", err, out)
	}
	name := "powernode-test/" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-")) + ":v1"
	run(t, fmt.Sprintf(`tar -C %s -c hello | docker import --change 'ENTRYPOINT ["/hello"]' - %s`, dir, name))
	t.Cleanup(func() { exec.Command("docker", "rmi", "-f", name).Run() })
	return name
}

// run runs a shell command that has to succeed.
func run(t *testing.T, command string) string {
	t.Helper()
	out, err := exec.Command("bash", "-c", "set -euo pipefail; "+command).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return strings.TrimSpace(string(out))
}

// containers lists the engine's containers of an object, by its uid; running
// ones, or all.
func containers(t *testing.T, uid string, all bool) []string {
	t.Helper()
	flags := ""
	if all {
		flags = "-a"
	}
	return strings.Fields(run(t, "docker ps -q --no-trunc "+flags+" --filter label=powernode.io/uid="+uid))
}
