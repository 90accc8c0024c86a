package runner_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/client"
	protocol "github.com/powernode/powernode/api/runner"
	"github.com/powernode/powernode/api/server"
	"github.com/powernode/powernode/controllers/runner"
	"github.com/powernode/powernode/schemas"
	"github.com/powernode/powernode/store/memory"
)

const testToken = "runner-token-of-this-test"

// patience bounds every wait; nothing passes or fails by how long it takes.
const patience = 60 * time.Second

func TestMain(m *testing.M) {
	runner.ShimMain()
	runAsRunner()
	os.Exit(m.Run())
}

// world is a real server over memory stores, that can be cut off.
type world struct {
	*testing.T
	tasks memory.Tasks
	logs  memory.Logs
	blobs memory.Blobs
	store memory.Store
	url   string
	down  atomic.Bool
	seen  atomic.Pointer[func(*http.Request)] // looks at each request, when set
	run   string                              // uid of the run that steps belong to
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, run: "11111111-2222-3333-4444-555555555555"}
	kinds, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Config{
		Store: &w.store, Tasks: &w.tasks, Logs: &w.logs, Blobs: &w.blobs, Kinds: kinds,
		Authenticate: server.Tokens(map[string]server.User{testToken: {Name: "runner", Groups: []string{server.Runners}}}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.SeedRoles(t.Context(), &w.store); err != nil { // they let runners in
		t.Fatal(err)
	}
	go s.Run(t.Context())
	web := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if w.down.Load() {
			panic(http.ErrAbortHandler)
		}
		if look := w.seen.Load(); look != nil {
			(*look)(r)
		}
		s.ServeHTTP(out, r)
	}))
	t.Cleanup(func() { s.Drain(); web.CloseClientConnections(); web.Close() })
	w.url = web.URL
	return w
}

// agent runs an Agent until the test ends, or stop is called.
func (w *world) agent(name string, change ...func(*runner.Agent)) (stop func()) {
	w.Helper()
	a := &runner.Agent{Client: w.client(), Name: name, Dir: w.TempDir(), Docker: runner.DockerOff}
	for _, c := range change {
		c(a)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			if err := <-done; err != nil {
				w.Errorf("runner %s: %v", name, err)
			}
		}
	}
	w.Cleanup(stop)
	return stop
}

func (w *world) client() *client.Client {
	transport := &http.Transport{DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext}
	w.Cleanup(transport.CloseIdleConnections)
	return &client.Client{Server: w.url, Token: testToken, HTTP: &http.Client{Transport: transport}}
}

// with is the configuration of a step.
type with map[string]any

// step makes a step of the world's run.
func (w *world) step(name, typ string, config with, change ...func(*protocol.Step)) protocol.Step {
	w.Helper()
	raw, err := json.Marshal(config)
	if err != nil {
		w.Fatal(err)
	}
	s := protocol.Step{Namespace: "default", Run: "run-1", RunUID: w.run, Name: name, Type: typ, Attempt: 1, With: raw,
		TimeoutSeconds: 60, Context: json.RawMessage(`{}`), SaveWorkspace: true}
	for _, c := range change {
		c(&s)
	}
	return s
}

func (w *world) script(name, text string, change ...func(*protocol.Step)) protocol.Step {
	w.Helper()
	return w.step(name, "custom", with{"run": text}, change...)
}

func (w *world) offer(s protocol.Step, prefer ...string) {
	w.Helper()
	raw, err := json.Marshal(s)
	if err != nil {
		w.Fatal(err)
	}
	task := protocol.Task{ID: protocol.TaskID(s.RunUID, s.Name, s.Attempt), OwnerUID: s.RunUID, Labels: []string{"default"}, Docker: s.Image != "", Payload: raw}
	if len(prefer) > 0 {
		task.Prefer = prefer[0]
	}
	if err := w.tasks.Offer(w.Context(), task); err != nil {
		w.Fatal(err)
	}
}

// do offers a step and waits for its result.
func (w *world) do(s protocol.Step) protocol.Result {
	w.Helper()
	w.offer(s)
	return w.result(s)
}

func (w *world) result(s protocol.Step) protocol.Result {
	w.Helper()
	var result protocol.Result
	w.until("the result of step "+s.Name, func() bool {
		state := w.state(s)
		if state.Phase != protocol.TaskFinished {
			return false
		}
		if err := json.Unmarshal(state.Result, &result); err != nil {
			w.Fatalf("step %s: result %q: %v", s.Name, state.Result, err)
		}
		return true
	})
	return result
}

func (w *world) state(s protocol.Step) protocol.TaskState {
	w.Helper()
	states, err := w.tasks.Of(context.Background(), s.RunUID)
	if err != nil {
		w.Fatal(err)
	}
	for _, state := range states {
		if state.ID == protocol.TaskID(s.RunUID, s.Name, s.Attempt) {
			return state
		}
	}
	return protocol.TaskState{}
}

// succeed runs steps one after the other, as the controller does: each gets
// what the ones before left.
func (w *world) succeed(steps ...protocol.Step) (results []protocol.Result) {
	w.Helper()
	var before protocol.Result
	var artifacts []protocol.Artifact
	for _, s := range steps {
		if s.Workspace == nil {
			s.Workspace = before.Workspace
		}
		s.Artifacts = append(artifacts, s.Artifacts...)
		result := w.do(s)
		if result.Conclusion != protocol.Success {
			w.Fatalf("step %s: %+v\n%s", s.Name, result, w.log(s))
		}
		artifacts = append(artifacts, result.Artifacts...)
		before, results = result, append(results, result)
	}
	return results
}

func (w *world) log(s protocol.Step) string {
	w.Helper()
	data, _, err := w.logs.Read(context.Background(), protocol.LogStream(s.RunUID, s.Name, s.Attempt), 0, 1<<30, 0)
	if err != nil {
		w.Fatal(err)
	}
	return string(data)
}

func (w *world) secret(name, key, value string) {
	w.Helper()
	raw, err := json.Marshal(map[string][]byte{key: []byte(value)})
	if err != nil {
		w.Fatal(err)
	}
	obj := &api.Object{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Rest: map[string]json.RawMessage{"data": raw}}
	if _, err := w.store.Create(w.Context(), obj); err != nil {
		w.Fatal(err)
	}
}

// until waits for a condition.
func (w *world) until(what string, ok func() bool) {
	w.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("waited %s for %s", patience, what)
		}
	}
}

func (w *world) untilFile(path string) {
	w.Helper()
	w.until("the file "+path, func() bool { _, err := os.Stat(path); return err == nil })
}

func (w *world) lines(path string) int {
	w.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		w.Fatal(err)
	}
	return strings.Count(string(raw), "\n")
}

func (w *world) write(path, text string) {
	w.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		w.Fatal(err)
	}
}

func contextOf(t *testing.T, v any) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// The test binary is also a runner of its own process, so that it can be killed.

const runnerArgument = "be-a-runner"

type runnerConfig struct {
	Server, Name, Dir, Docker string
	Parallel                  int
}

func runAsRunner() {
	if len(os.Args) != 3 || os.Args[1] != runnerArgument {
		return
	}
	var c runnerConfig
	if err := json.Unmarshal([]byte(os.Args[2]), &c); err != nil {
		panic(err)
	}
	a := &runner.Agent{Client: &client.Client{Server: c.Server, Token: testToken}, Name: c.Name, Dir: c.Dir, Docker: c.Docker, Parallel: c.Parallel}
	if err := a.Run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func inDir(dir string) func(*runner.Agent) { return func(a *runner.Agent) { a.Dir = dir } }

// builtin parses the schemas once for all tests.
var builtin = sync.OnceValues(schemas.Builtin)
