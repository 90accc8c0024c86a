package examples

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// countingPipeline has steps that each add a line to a file outside the
// workspace, so that an execution too many can be seen.
const countingPipeline = `
apiVersion: powernode.io/v1
kind: Pipeline
metadata: {name: counting}
spec:
  steps:
    - name: first
      type: custom
      outputs: [value]
      with:
        run: |
          echo first >> %[1]s/executions
          echo value=kept >> "$POWERNODE_OUTPUT"
    - name: slow
      type: custom
      with:
        run: |
          echo slow-start >> %[1]s/executions
          while [ ! -e %[1]s/go ]; do sleep 0.05; done
          echo slow-end >> %[1]s/executions
    - name: last
      type: custom
      env:
        - {name: VALUE, value: "${{ steps.first.outputs.value }}"}
      with:
        run: echo "last $VALUE" >> %[1]s/executions
`

func TestKilledInTheMiddleOfARunNoStepRunsTwice(t *testing.T) {
	s := startServer(t)
	dir := t.TempDir()
	executions := func() string {
		data, _ := os.ReadFile(filepath.Join(dir, "executions"))
		return string(data)
	}
	s.apply(fmt.Sprintf(countingPipeline, dir))
	run := strings.TrimSpace(s.pnctl("run", "counting", "-o", "name"))
	eventually(t, "the slow step has started", func() error {
		if !strings.Contains(executions(), "slow-start") {
			return fmt.Errorf("executions: %q", executions())
		}
		return nil
	})

	s.kill()
	s.start()
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	s.waitFor("jsonpath={.status.phase}=success", run)
	if got, want := executions(), "first\nslow-start\nslow-end\nlast kept\n"; got != want {
		t.Errorf("executions:\n%s\nwant:\n%s", got, want)
	}
}

const service = `
apiVersion: powernode.io/v1
kind: DockerHost
metadata: {name: local}
spec: {endpoint: "unix:///var/run/docker.sock"}
---
apiVersion: powernode.io/v1
kind: ContainerInstance
metadata: {name: %[1]s}
spec:
  hostRef: {name: local}
  image: %[2]s
  args: [serve, ":8080"]
  pullPolicy: Never
  run: Service
`

func TestKilledWhileContainersStartNoneIsDoubledOrOrphaned(t *testing.T) {
	name := image(t)
	s := startServer(t)
	const instances = 5
	s.apply(fmt.Sprintf(service, "crash-0", name))
	s.waitFor("jsonpath={.status.phase}=connected", "dh/local")
	for i := 1; i < instances; i++ {
		s.apply(fmt.Sprintf(service, "crash-"+strconv.Itoa(i), name))
		if i%2 == 0 {
			s.kill()
			s.start()
		}
	}
	s.kill()
	s.start()
	var uids []string
	for i := range instances {
		object := "ci/crash-" + strconv.Itoa(i)
		s.waitFor("jsonpath={.status.phase}=running", object)
		uid := s.get(object, ".metadata.uid")
		uids = append(uids, uid)
		if all := containers(t, uid, true); len(all) != 1 {
			t.Errorf("%s has containers %v, want one", object, all)
		}
	}
	s.pnctl("delete", "ci", "--all", "--timeout=2m")
	for _, uid := range uids {
		if all := containers(t, uid, true); len(all) != 0 {
			t.Errorf("left behind: %v", all)
		}
	}
}
