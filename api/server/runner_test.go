package server_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/runner"
)

// offer queues a step of run u1 that refers to secrets.
func (h *harness) offer(step string, refs ...runner.SecretRef) string {
	h.Helper()
	payload, err := json.Marshal(runner.Step{Namespace: "default", Run: "run-1", RunUID: "u1", Name: step, Type: "custom", Attempt: 1, SecretRefs: refs})
	if err != nil {
		h.Fatal(err)
	}
	id := runner.TaskID("u1", step, 1)
	owner := api.Key{Kind: "PipelineRun.powernode.io", Namespace: "default", Name: "run-1"}
	if err := h.tasks.Offer(h.Context(), runner.Task{ID: id, Owner: owner, OwnerUID: "u1", Payload: payload}); err != nil {
		h.Fatal(err)
	}
	return id
}

// call is a runner's request with the token of its lease.
func (h *harness) call(method, path, body, token string) answer {
	h.Helper()
	return h.do(method, "/runner/v1"+path, body, "Authorization", "Bearer "+runnerToken, runner.TokenHeader, token)
}

func (h *harness) lease() runner.Assignment {
	h.Helper()
	var a runner.Assignment
	got := h.want(h.call("POST", "/lease", `{"runner":"r1","waitSeconds":30}`, ""), 200)
	if err := json.Unmarshal([]byte(got.body), &a); err != nil {
		h.Fatal(err)
	}
	return a
}

func (h *harness) state(id string) runner.TaskState {
	h.Helper()
	states, err := h.tasks.Of(h.Context(), "u1")
	if err != nil {
		h.Fatal(err)
	}
	for _, s := range states {
		if s.ID == id {
			return s
		}
	}
	h.Fatalf("no task %s", id)
	return runner.TaskState{}
}

func TestARunnerWorksOffAStep(t *testing.T) {
	h := start(t)
	h.want(h.post("/api/v1/namespaces/default/secrets", `{"metadata":{"name":"s"},"stringData":{"token":"hunter2"}}`), 201)
	h.want(h.post("/api/v1/namespaces/default/configmaps", `{"metadata":{"name":"c"},"data":{"url":"here"},"binaryData":{"raw":"AAE="}}`), 201)
	id := h.offer("build",
		runner.SecretRef{As: "TOKEN", Name: "s", Key: "token"},
		runner.SecretRef{As: "URL", Kind: "ConfigMap", Name: "c", Key: "url"},
		runner.SecretRef{As: "RAW", Kind: "ConfigMap", Name: "c", Key: "raw"},
		runner.SecretRef{As: "NONE", Name: "other", Key: "x", Optional: true})
	a := h.lease()
	if a.ID != id || a.Token == "" || a.LeaseSeconds != 30 || a.Step.Name != "build" ||
		fmt.Sprint(a.Secrets) != fmt.Sprint(map[string]string{"TOKEN": "hunter2", "URL": "here", "RAW": "\x00\x01"}) {
		t.Errorf("assignment %+v", a)
	}
	task := "/tasks/" + id
	if got := h.want(h.call("POST", task+"/renew", `{"waitSeconds":0}`, a.Token), 200); strings.TrimSpace(got.body) != `{"cancel":false}` {
		t.Errorf("renew: %s", got)
	}
	for _, c := range []struct {
		offset, body string
		code         int
		end          string
	}{
		{"0", "one\n", 200, `{"offset":4}`}, {"0", "one\n", 409, `{"offset":4}`}, {"9", "x", 409, `{"offset":4}`}, {"4", "two\n", 200, `{"offset":8}`},
	} {
		if got := h.want(h.call("POST", task+"/log?offset="+c.offset, c.body, a.Token), c.code); strings.TrimSpace(got.body) != c.end {
			t.Errorf("log at %s: %s", c.offset, got)
		}
	}
	content := strings.Repeat("artifact", 1<<16)
	sum := sha256.Sum256([]byte(content))
	blob := h.want(h.call("POST", task+"/blobs", content, a.Token), 201)
	contains(t, "blob", blob.body, hex.EncodeToString(sum[:]), fmt.Sprint(len(content)))
	if got := h.want(h.call("GET", task+"/blobs/"+hex.EncodeToString(sum[:]), "", a.Token), 200); got.body != content {
		t.Error("another content")
	}
	const result = `{"conclusion":"success","exitCode":0,"outputs":{"a":"b"}}`
	h.want(h.call("POST", task+"/result", result, a.Token), 200)
	h.want(h.call("POST", task+"/result", result, a.Token), 200)
	if s := h.state(id); s.Phase != runner.TaskFinished || !strings.Contains(string(s.Result), `"a":"b"`) {
		t.Errorf("state %+v", s)
	}
	log, closed, err := h.logs.Read(h.Context(), runner.LogStream("u1", "build", 1), 0, 100, 0)
	if string(log) != "one\ntwo\n" || !closed || err != nil {
		t.Errorf("log %q, closed %v, %v", log, closed, err)
	}
}

func TestNothingToDo(t *testing.T) {
	h := start(t)
	h.want(h.call("POST", "/lease", `{"runner":"r1","waitSeconds":0}`, ""), 204)
}

func TestAStepWithoutItsSecretFails(t *testing.T) {
	h := start(t)
	h.want(h.post("/api/v1/namespaces/default/secrets", `{"metadata":{"name":"s"},"stringData":{"token":"x"}}`), 201)
	noSecret := h.offer("one", runner.SecretRef{As: "A", Name: "gone", Key: "k"})
	noKey := h.offer("two", runner.SecretRef{As: "A", Name: "s", Key: "other"})
	next := h.offer("three")
	if a := h.lease(); a.ID != next {
		t.Errorf("leased %s", a.ID)
	}
	for id, part := range map[string]string{noSecret: `Secret \"gone\"`, noKey: `key \"other\"`} {
		s := h.state(id)
		if s.Phase != runner.TaskFinished {
			t.Errorf("%s is %s", id, s.Phase)
		}
		contains(t, id, string(s.Result), `"conclusion":"failure"`, `"reason":"MissingSecret"`, part)
	}
	if _, closed, err := h.logs.Read(h.Context(), runner.LogStream("u1", "one", 1), 0, 10, 0); !closed || err != nil {
		t.Errorf("the log is open: %v", err)
	}
}

func TestARunnerThatLostItsLeaseIsFenced(t *testing.T) {
	h := start(t)
	id := h.offer("build")
	h.lease()
	task := "/tasks/" + id
	for _, token := range []string{"", "stolen"} {
		if got := h.call("POST", task+"/renew", `{}`, token); got.code != 404 && got.code != 409 {
			t.Errorf("renew: %s", got)
		}
		h.refused(h.call("POST", task+"/log?offset=0", "x", token), 404, metav1.StatusReasonNotFound, "not found")
		h.want(h.call("POST", task+"/blobs", "x", token), 404)
		h.want(h.call("GET", task+"/blobs/"+strings.Repeat("0", 64), "", token), 404)
		h.refused(h.call("POST", task+"/result", `{"conclusion":"success"}`, token), 409, metav1.StatusReasonConflict, "")
	}
	h.want(h.call("POST", "/tasks/none/log?offset=0", "x", "t"), 404)
	if s := h.state(id); s.Phase != runner.TaskLeased {
		t.Errorf("state %+v", s)
	}
}

func TestRunnersHearWhatIsWrong(t *testing.T) {
	h := start(t)
	id := h.offer("build")
	a := h.lease()
	task := "/tasks/" + id
	for _, c := range []struct {
		method, path, body string
		code               int
		message            string
	}{
		{"POST", "/lease", `{`, 400, "read body"},
		{"POST", "/lease", `{}`, 400, "runner"},
		{"POST", "/lease", `{"runner":"r","waitSeconds":61}`, 400, "waitSeconds"},
		{"POST", task + "/renew", `{"waitSeconds":-1}`, 400, "waitSeconds"},
		{"POST", task + "/log", "x", 400, "offset"},
		{"POST", task + "/log?offset=-1", "x", 400, "offset"},
		{"POST", task + "/log?offset=0", strings.Repeat("x", 3<<20+1), 413, "limit"},
		{"POST", task + "/result", `{"conclusion":"perhaps"}`, 400, "conclusion"},
		{"GET", task + "/blobs/..", "", 400, "SHA-256"},
		{"GET", task + "/blobs/" + strings.Repeat("0", 64), "", 404, "not found"},
	} {
		got := h.want(h.call(c.method, c.path, c.body, a.Token), c.code)
		contains(t, c.path, got.status(t).Message, c.message)
	}
}

func TestCancelReachesTheRunner(t *testing.T) {
	h := start(t)
	id := h.offer("build")
	a := h.lease()
	renewed := make(chan answer)
	go func() { renewed <- h.call("POST", "/tasks/"+id+"/renew", `{"waitSeconds":60}`, a.Token) }()
	if err := h.tasks.Cancel(h.Context(), "u1"); err != nil {
		t.Fatal(err)
	}
	if got := <-renewed; strings.TrimSpace(got.body) != `{"cancel":true}` {
		t.Errorf("renew: %s", got)
	}
}
