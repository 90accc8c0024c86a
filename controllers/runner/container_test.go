package runner_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	protocol "github.com/powernode/powernode/api/runner"
	"github.com/powernode/powernode/controllers/internal/docker"
	"github.com/powernode/powernode/controllers/internal/docker/dockertest"
	"github.com/powernode/powernode/controllers/runner"
)

// shellImage imports an image whose only file is a static program, sh, that
// knows just the words of testdata/sh, and returns its name.
func shellImage(t *testing.T, endpoint string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "sh")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", binary, "./testdata/sh")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the image's program: %v\n%s", err, out)
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("powernode-step-test:%x", sha256.Sum256(content))[:36]
	var root bytes.Buffer
	archive := tar.NewWriter(&root)
	for _, header := range []*tar.Header{{Typeflag: tar.TypeDir, Name: "bin/", Mode: 0o755}, {Typeflag: tar.TypeReg, Name: "bin/sh", Mode: 0o755, Size: int64(len(content))}} {
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := archive.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	load := exec.Command("docker", "-H", endpoint, "import", "--change", "ENV PATH=/bin", "-", name)
	load.Stdin = &root
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("docker import: %v\n%s", err, out)
	}
	return name
}

func inImage(image string) func(*protocol.Step) {
	return func(s *protocol.Step) { s.Image = image }
}

func withDocker(endpoint string) func(*runner.Agent) {
	return func(a *runner.Agent) { a.Docker = endpoint }
}

// containers are those that carry the label of a runner.
func containers(t *testing.T, endpoint, name string) []docker.Container {
	t.Helper()
	engine, err := docker.Dial(docker.Target{Endpoint: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	found, err := engine.List(context.Background(), map[string]string{"powernode.io/runner": name})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestStepsInContainers(t *testing.T) {
	endpoint := dockertest.Endpoint(t)
	image := shellImage(t, endpoint)
	w := newWorld(t)
	name := fmt.Sprintf("containers-%d", time.Now().UnixNano())
	t.Setenv("POISONED", "yes")
	w.agent(name, withDocker(endpoint))
	w.secret("deploy", "token", "s3cr3t-t0ken-value")
	s := w.step("inside", "custom", with{"run": "pwd\nenv\ncat ../greeting\nwrite made here\noutput k $TOKEN\nprint $TOKEN\n", "workingDirectory": "sub"}, inImage(image), func(s *protocol.Step) {
		s.SecretRefs = []protocol.SecretRef{{As: "TOKEN", Name: "deploy", Key: "token"}}
		s.Env = []protocol.EnvVar{{Name: "TOKEN", Secret: "TOKEN"}}
	})
	results := w.succeed(w.script("outside", "mkdir sub; printf 'hello\n' > greeting"), s, w.script("after", "cat sub/made"))
	log := w.log(s)
	if !strings.HasPrefix(log, "/workspace/sub\n") || !strings.Contains(log, "hello\n") || !strings.HasSuffix(log, "***\n") || strings.Contains(log, "s3cr3t") {
		t.Errorf("log:\n%s", log)
	}
	for _, want := range []string{"CI=true\n", "PATH=/bin\n", "POWERNODE_WORKSPACE=/workspace\n", "POWERNODE_STEP=inside\n", "TOKEN=***\n"} {
		if !strings.Contains(log, want) {
			t.Errorf("the step does not see %s", want)
		}
	}
	if strings.Contains(log, "POISONED") {
		t.Errorf("the runner's environment leaks in:\n%s", log)
	}
	if got := results[1].Outputs["k"]; got != "***" {
		t.Errorf("output: %q", got)
	}
	if got := w.log(w.script("after", "")); got != "here\n" {
		t.Errorf("what the container wrote: %q", got)
	}
	if left := containers(t, endpoint, name); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAContainersEndIsTheSteps(t *testing.T) {
	endpoint := dockertest.Endpoint(t)
	image := shellImage(t, endpoint)
	w := newWorld(t)
	name := fmt.Sprintf("ends-%d", time.Now().UnixNano())
	w.agent(name, withDocker(endpoint))
	if r := w.do(w.script("code", "print before\nexit 7", inImage(image))); r.Reason != "ExitCode" || r.ExitCode == nil || *r.ExitCode != 7 {
		t.Errorf("exit 7: %+v", r)
	}
	if r := w.do(w.script("time", "stubborn\nsleep 1000s", inImage(image), func(s *protocol.Step) { s.TimeoutSeconds = 1 })); r.Reason != "TimedOut" {
		t.Errorf("timeout: %+v", r)
	}
	if r := w.do(w.script("pull", "print x", inImage("127.0.0.1:1/no/such:image"))); r.Reason != "ImagePull" || !strings.Contains(r.Message, "127.0.0.1:1/no/such:image") {
		t.Errorf("pull: %+v", r)
	}
	s := w.script("cancel", "stubborn\nprint ready\nsleep 1000s", inImage(image))
	w.offer(s)
	w.until("the container's output", func() bool { return w.log(s) == "ready\n" })
	asked := time.Now()
	if err := w.tasks.Cancel(t.Context(), w.run); err != nil {
		t.Fatal(err)
	}
	if r := w.result(s); r.Conclusion != protocol.Cancelled {
		t.Errorf("cancel: %+v", r)
	}
	t.Logf("cancelled in %s", time.Since(asked).Round(time.Millisecond))
	if left := containers(t, endpoint, name); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAContainerOutlivesItsRunner(t *testing.T) {
	endpoint := dockertest.Endpoint(t)
	image := shellImage(t, endpoint)
	w := newWorld(t)
	state, name := t.TempDir(), fmt.Sprintf("outlives-%d", time.Now().UnixNano())
	config := runnerConfig{Name: name, Dir: state, Docker: endpoint}
	p := w.process(config)
	s := w.script("once", "append count one\nprint begin\nwait go\nprint end\noutput k v", inImage(image))
	files := filepath.Join(state, "workspaces", w.run, "files")
	w.offer(s)
	w.until("the container's output", func() bool { return w.log(s) == "begin\n" })
	w.kill9(p)
	p = w.process(config)
	w.write(files+"/go", "")
	r := w.result(s)
	if r.Conclusion != protocol.Success || r.Outputs["k"] != "v" || w.log(s) != "begin\nend\n" {
		t.Errorf("result: %+v\n%s", r, w.log(s))
	}
	if n := w.lines(files + "/count"); n != 1 {
		t.Errorf("the step ran %d times", n)
	}
	// A container whose shim and task are gone is removed at the next start.
	w.kill9(p)
	orphan := exec.Command("docker", "-H", endpoint, "run", "-d", "--label", "powernode.io/runner="+name, "--label", "powernode.io/task=gone", "--entrypoint", "sh", image, "/dev/null")
	if out, err := orphan.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w.process(config)
	w.until("the orphan's end", func() bool { return len(containers(t, endpoint, name)) == 0 })
}
