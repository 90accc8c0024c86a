package examples

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// says waits until an object's YAML or its description holds all words.
func (s *server) says(object string, words ...string) {
	s.t.Helper()
	eventually(s.t, object+" says "+strings.Join(words, ", "), func() error {
		out := s.pnctl("get", object, "-o", "yaml")
		for _, word := range words {
			if !strings.Contains(out, word) {
				return fmt.Errorf("no %q in:\n%s", word, out)
			}
		}
		return nil
	})
}

func TestAnEngineThatDoesNotAnswerIsACondition(t *testing.T) {
	s := startServer(t)
	s.apply(manifest("DockerHost", "away", "  endpoint: tcp://127.0.0.1:1\n"))
	s.waitFor("condition=Ready=false", "dh/away")
	s.says("dh/away", "phase: disconnected", "tcp://127.0.0.1:1")
	s.apply(manifest("ContainerInstance", "stranded", "  hostRef: {name: away}\n  image: x\n"))
	s.says("ci/stranded", "away", "status: \"False\"")
	s.apply(manifest("ContainerInstance", "early", "  hostRef: {name: later}\n  image: x\n"))
	s.says("ci/early", "DockerHost", "later")
}

func TestAnImageThatCanNotBePulledIsACondition(t *testing.T) {
	image(t) // a Docker engine answers
	s := startServer(t)
	s.apply(manifest("DockerHost", "local", "  endpoint: unix:///var/run/docker.sock\n"))
	s.apply(manifest("ContainerInstance", "imageless", "  hostRef: {name: local}\n  image: 127.0.0.1:1/none:v1\n"))
	s.says("ci/imageless", "127.0.0.1:1/none:v1", "local")
	s.apply(manifest("ContainerInstance", "never", "  hostRef: {name: local}\n  image: powernode-test/none:v1\n  pullPolicy: Never\n"))
	s.says("ci/never", "powernode-test/none:v1", "Never")
	s.pnctl("delete", "ci", "--all", "--timeout=1m")
}

func TestARepositoryThatCanNotBeClonedFailsTheStep(t *testing.T) {
	s := startServer(t)
	s.apply(manifest("Pipeline", "cloneless", "  repository: {url: file:///nowhere/at/all.git}\n  steps:\n    - {name: checkout, type: checkout}\n    - {name: after, type: custom, with: {run: \"true\"}}\n"))
	out, err := s.try("pnctl", "run", "cloneless", "--watch")
	if err == nil || !strings.Contains(out, "file:///nowhere/at/all.git") {
		t.Errorf("pnctl run: %v\n%s", err, out)
	}
	run := strings.TrimSpace(s.pnctl("get", "pr", "-o", "name"))
	if got := s.get(run, ".status.steps[*].phase"); got != "failure skipped" {
		t.Errorf("steps: %q", got)
	}
	if got := s.get(run, ".status.steps[0].reason"); got != "CloneFailed" {
		t.Errorf("reason: %q", got)
	}
}

// A secret reaches the step that asks for it, and nobody else.
func TestSecretsStayOutOfEverythingThatCanBeRead(t *testing.T) {
	s := startServer(t)
	const value = "s3cr3t-Value-9f2c"
	s.pnctl("create", "secret", "generic", "registry", "--from-literal=token="+value)
	dir := t.TempDir()
	s.apply(fmt.Sprintf(`
apiVersion: powernode.io/v1
kind: Pipeline
metadata: {name: careful}
spec:
  secretRefs:
    - {name: TOKEN, secretKeyRef: {name: registry, key: token}}
  steps:
    - name: use
      type: custom
      outputs: [leak]
      env:
        - {name: TOKEN, value: "${{ secrets.TOKEN }}"}
      with:
        run: |
          printf %%s "$TOKEN" > %[1]s/token
          echo "the token is $TOKEN"
          echo "leak=$TOKEN" >> "$POWERNODE_OUTPUT"
          env > %[1]s/env
`, dir))
	out, err := s.try("pnctl", "run", "careful", "--watch")
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "token")); string(got) != value {
		t.Errorf("the step got %q", got)
	}
	if env, _ := os.ReadFile(filepath.Join(dir, "env")); strings.Contains(string(env), "POISON") {
		t.Errorf("the server's environment leaks into the step:\n%s", env)
	}
	out += s.pnctl("get", "pl,pr,events", "-o", "yaml") + s.pnctl("logs", strings.TrimSpace(s.pnctl("get", "pr", "-o", "name")))
	out += s.said(10000)
	if strings.Contains(out, value) {
		t.Errorf("the secret shows:\n%s", grep(out, value))
	}
	leaked := run(t, fmt.Sprintf("grep -rl --exclude-dir=postgres -- %q %s || true", value, s.dir))
	if leaked != "" {
		t.Errorf("the secret lies in plain files: %s", leaked)
	}
}

func grep(text, word string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}
