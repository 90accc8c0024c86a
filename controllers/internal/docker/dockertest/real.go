package dockertest

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

// Endpoint is the real Docker engine that tests may use: DOCKER_HOST, else the
// machine's own. Without one the test fails; -short skips it.
func Endpoint(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a Docker engine")
	}
	endpoint := os.Getenv("DOCKER_HOST")
	if endpoint == "" {
		endpoint = client.DefaultDockerHost
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := sdk(t, endpoint).Ping(ctx); err != nil {
		t.Fatalf("no Docker engine answers at %s: start one (apt-get install -y docker.io iptables && dockerd &), or run go test -short: %v", endpoint, err)
	}
	return endpoint
}

// Image makes the test image on the engine at endpoint, out of a static binary
// built here, and returns its name. The name holds the binary's hash: an image that is there is used.
func Image(t testing.TB, endpoint string) string {
	t.Helper()
	binary := program(t)
	name := fmt.Sprintf("powernode-test:%x", sha256.Sum256(binary))[:27]
	engine := sdk(t, endpoint)
	if _, err := engine.ImageInspect(t.Context(), name); err == nil {
		return name
	}
	opts := image.ImportOptions{Changes: []string{`ENTRYPOINT ["/program"]`}}
	source := image.ImportSource{Source: rootfs(t, binary), SourceName: "-"}
	answer, err := engine.ImageImport(t.Context(), source, name, opts)
	if err != nil {
		t.Fatalf("import %s: %v", name, err)
	}
	defer answer.Close()
	if _, err := io.Copy(io.Discard, answer); err != nil {
		t.Fatalf("import %s: %v", name, err)
	}
	return name
}

func program(t testing.TB) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-buildvcs=false", "-o", file,
		"github.com/powernode/powernode/controllers/internal/docker/dockertest/program")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the test image's program: %v\n%s", err, out)
	}
	binary, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// rootfs is a tar with nothing but the program.
func rootfs(t testing.TB, binary []byte) io.Reader {
	t.Helper()
	var b bytes.Buffer
	archive := tar.NewWriter(&b)
	header := &tar.Header{Name: "program", Mode: 0o755, Size: int64(len(binary)), ModTime: time.Unix(0, 0)}
	if err := archive.WriteHeader(header); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Write(binary); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func sdk(t testing.TB, endpoint string) *client.Client {
	t.Helper()
	c, err := client.NewClientWithOpts(client.WithHost(endpoint), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
