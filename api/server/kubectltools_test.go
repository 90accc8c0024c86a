package server_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// tool is a kubectl, or pnctl that has kubectl's commands in it.
type tool struct {
	name, file string
	minor      int // of its version 1.x; pnctl has a newer kubectl in it than any
}

const pnctl = "pnctl"

// before are the clients of older versions than 1.minor.
func before(minor int) func(tool) bool {
	return func(c tool) bool { return c.minor < minor }
}

func isPnctl(c tool) bool { return c.name == pnctl }

// tools are the kubectls of this machine, one for each version, from the oldest to the newest,
// and pnctl. Beside the one on the PATH some machines have kubectl.1.27 and its like. One that
// is there and doesn't run fails the test.
func tools(t *testing.T) []tool {
	t.Helper()
	path, err := exec.LookPath("kubectl")
	if err != nil {
		t.Fatal("kubectl is needed: install it, for example with: apt-get install kubernetes-client")
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		t.Fatal(err)
	}
	beside, err := filepath.Glob(filepath.Join(filepath.Dir(path), "kubectl.1.*"))
	if err != nil {
		t.Fatal(err)
	}
	var found []tool
	for _, file := range append(beside, path) {
		c := toolOf(t, file)
		if file != path && !strings.HasSuffix(file, fmt.Sprintf(".1.%d", c.minor)) {
			t.Errorf("%s is of version 1.%d", file, c.minor)
		}
		if !slices.ContainsFunc(found, func(other tool) bool { return other.minor == c.minor }) {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b tool) int { return a.minor - b.minor })
	return append(found, tool{pnctl, buildPnctl(t), math.MaxInt})
}

// toolOf asks a kubectl which one it is.
func toolOf(t *testing.T, file string) tool {
	t.Helper()
	out, err := exec.Command(file, "version", "--client", "--output=json").Output()
	if err != nil {
		t.Fatalf("%s is there and can't be run: %v: %s", file, err, out)
	}
	var said struct {
		ClientVersion struct{ Major, Minor string }
	}
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatalf("%s: %v in:\n%s", file, err, out)
	}
	minor, err := strconv.Atoi(strings.TrimRight(said.ClientVersion.Minor, "+"))
	if err != nil || said.ClientVersion.Major != "1" {
		t.Fatalf("%s is of no version 1.x: %s", file, out)
	}
	return tool{fmt.Sprintf("1.%d", minor), file, minor}
}

func buildPnctl(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), pnctl)
	if out, err := exec.Command("go", "build", "-o", file, "../../cmd/pnctl").CombinedOutput(); err != nil {
		t.Fatalf("build pnctl: %v\n%s", err, out)
	}
	return file
}
