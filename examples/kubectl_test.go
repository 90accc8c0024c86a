package examples

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// kubectl runs the real kubectl, which has to succeed and say all the words.
func (s *server) kubectl(args []string, words ...string) string {
	s.t.Helper()
	out, err := s.try("kubectl", args...)
	if err != nil {
		s.t.Fatal(err)
	}
	mentions(s.t, "kubectl "+strings.Join(args, " "), out, words)
	return out
}

// refuses runs the real kubectl, which has to fail and say all the words.
func (s *server) refuses(args []string, words ...string) {
	s.t.Helper()
	out, err := s.try("kubectl", args...)
	if err == nil {
		s.t.Fatalf("kubectl %s succeeded:\n%s", strings.Join(args, " "), out)
	}
	mentions(s.t, "kubectl "+strings.Join(args, " "), out, words)
}

func mentions(t *testing.T, what, out string, words []string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(out, word) {
			t.Errorf("%s: no %q in:\n%s", what, word, out)
		}
	}
}

func args(line string) []string { return strings.Fields(line) }

const talk = `
apiVersion: powernode.io/v1
kind: Pipeline
metadata: {name: talk}
spec:
  triggers: {manual: {inputs: {exit: {type: number, default: 0}}}}
  steps:
    - {name: first, type: custom, with: {run: "echo one"}}
    - {name: second, type: custom, with: {run: "echo two; exit ${{ inputs.exit }}"}}
---
apiVersion: powernode.io/v1
kind: PipelineRun
metadata: {name: talk-1}
spec: {pipelineRef: {name: talk}}
---
apiVersion: powernode.io/v1
kind: PipelineRun
metadata: {name: talk-2}
spec: {pipelineRef: {name: talk}, inputs: {exit: 7}}
`

// TestASessionWithKubectl is a day's work with the real kubectl on the real server.
func TestASessionWithKubectl(t *testing.T) {
	s := startServer(t)
	s.kubectl(args("api-resources --api-group=powernode.io"), "containerinstances", "ci", "dockerhosts", "dh", "pipelineruns", "pr", "pipelines", "pl")
	file := filepath.Join(t.TempDir(), "talk.yaml")
	if err := os.WriteFile(file, []byte(talk), 0o600); err != nil {
		t.Fatal(err)
	}
	s.kubectl(args("apply --dry-run=server -f pipeline.yaml"), "pipeline.powernode.io/build created (server dry run)")
	s.refuses(args("get pl build"), "not found")
	s.kubectl(args("apply -f "+file), "pipeline.powernode.io/talk created", "pipelinerun.powernode.io/talk-2 created")
	s.kubectl(args("wait --for=condition=Succeeded pr/talk-1 --timeout=1m"), "condition met")
	s.kubectl(args("wait --for=jsonpath={.status.phase}=failure pr/talk-2 --timeout=1m"), "condition met")
	if out := s.kubectl(args("apply -f " + file)); strings.Count(out, "unchanged") != 3 {
		t.Errorf("a second apply:\n%s", out)
	}
	s.reading(t)
	s.changing(t, file)
	s.leaving(t)
}

func (s *server) reading(t *testing.T) {
	s.kubectl(args("get pr,pl -A"), "NAMESPACE", "PROGRESS", "2/2", "StepFailed", "LAST RUN")
	s.kubectl(args("get pr --sort-by=.status.number -o wide"), "MESSAGE", "step second failed")
	s.kubectl(args("get pr --field-selector status.phase=failure -o name"), "talk-2")
	s.kubectl(args("get --raw /apis/powernode.io/v1/namespaces/default/pipelineruns/talk-1/log?step=second"), "two")
	s.refuses(args("get --raw /apis/powernode.io/v1/namespaces/default/pipelineruns/talk-1/log?step=third"), `has no step "third"`)
	s.kubectl(args("explain pr.status.steps.reason"), "DESCRIPTION")
	s.kubectl(args("auth whoami"), "admin")
	s.kubectl(args("auth can-i create pipelines"), "yes")
	s.kubectl(args("events --for pipelinerun/talk-2"), "StepFailed")
	told := s.kubectl(args("describe pr talk-2"), "Events:", "step second failed")
	started, ended := strings.Index(told, "has started"), strings.LastIndex(told, "ended: step second failed")
	if started < 0 || ended < started {
		t.Errorf("the events are not in order:\n%s", told[strings.Index(told, "Events:"):])
	}
}

func (s *server) changing(t *testing.T, file string) {
	changed := regexp.MustCompile("echo one").ReplaceAllString(talk, "echo eins")
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	s.refuses(args("diff -f "+file), "echo eins") // kubectl's way to tell that there is a difference
	s.kubectl(args("apply -f "+file), "pipeline.powernode.io/talk configured", "talk-1 unchanged")
	s.kubectl(args("diff -f " + file))
	s.kubectl([]string{"patch", "pl", "talk", "--type=merge", "-p", `{"spec":{"suspended":true}}`}, "patched")
	s.kubectl([]string{"patch", "pl", "talk", "--type=json", "-p", `[{"op":"remove","path":"/spec/suspended"}]`}, "patched")
	s.kubectl(args("label pl talk team=a"), "labeled")
	s.kubectl(args("get pl -l team=a -o name"), "talk")
	s.kubectl(args("annotate pl talk note=b"), "annotated")
	s.refuses([]string{"patch", "pr", "talk-1", "--type=merge", "-p", `{"spec":{"inputs":{"exit":1}}}`}, "spec.inputs", "only spec.cancel of a run may change")
	s.kubectl(args("replace -f "+file), "replaced")
	s.refuses(args("create -f "+file), `"talk" already exists`)
}

// leaving deletes a namespace with all that is in it, and finds that the one of those who name none stays.
func (s *server) leaving(t *testing.T) {
	s.kubectl(args("delete pl talk --timeout=1m"), "deleted")
	s.kubectl(args("get pr"), "No resources found") // they went with their pipeline
	s.refuses(args("delete namespace default"), "forbidden", "may not be deleted")
	if phase := s.get("namespace/default", ".status.phase"); phase != "Active" {
		t.Errorf("default is %s", phase)
	}
	s.kubectl(args("create namespace team"), "created")
	if _, err := s.tryInput(talk, "kubectl", "apply", "-n", "team", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	s.kubectl(args("create secret generic keys -n team --from-literal=a=b"), "created")
	s.kubectl(args("delete namespace team --timeout=1m"), "deleted")
	if out := s.kubectl(args("get pl,pr,secrets,events -n team")); !strings.HasPrefix(out, "No resources found") {
		t.Errorf("left:\n%s", out)
	}
	s.refuses(args("get pl talk -n team"), `namespaces "team" not found`)
}

func TestMetricsCoverEveryPart(t *testing.T) {
	s := startServer(t)
	s.apply(talk)
	s.waitFor("condition=Succeeded", "pr/talk-1")
	body, err := io.ReadAll(s.request("GET", "/metrics", s.token(), nil).Body)
	if err != nil {
		t.Fatal(err)
	}
	mentions(t, "/metrics", string(body), []string{
		`powernode_api_requests_total{code="201",resource="pipelines",verb="create"} 1`,
		`powernode_api_request_duration_seconds_count{resource="pipelines",verb="create"} 1`,
		`powernode_api_watches{resource="pipelineruns"}`,
		`powernode_reconcile_total{kind="PipelineRun.powernode.io",result="done"}`,
		`powernode_reconcile_duration_seconds_count{kind="PipelineRun.powernode.io"}`,
		`powernode_reconcile_queue_depth{kind="Pipeline.powernode.io"} 0`,
		`powernode_reconcile_queue_seconds_count{kind="Pipeline.powernode.io"}`,
		"powernode_store_batches_total", "powernode_store_batch_writes_count", "powernode_store_batch_duration_seconds_count", "powernode_store_watchers",
	})
	if log := s.said(10000); strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("errors in the log of a day without any:\n%s", grep(log, `"level":"ERROR"`))
	}
}
