package containerinstance_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/containerinstance"
	"github.com/powernode/powernode/controllers/internal/docker"
	"github.com/powernode/powernode/controllers/internal/docker/dockertest"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/memory"
)

// real is a Manager at work on the real engine.
type real struct {
	t      *testing.T
	store  store.Store
	logs   store.Logs
	pool   *docker.Pool
	engine *docker.Client // somebody else's hands
	image  string
}

func newReal(t *testing.T) *real {
	t.Helper()
	endpoint := dockertest.Endpoint(t)
	engine, err := docker.Dial(docker.Target{Endpoint: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	r := &real{t: t, store: &memory.Store{}, logs: &memory.Logs{}, pool: &docker.Pool{}, engine: engine, image: dockertest.Image(t, endpoint)}
	m := &reconcile.Manager{Store: r.store, Kinds: kindsOf(r.pool, r.logs)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		r.clear()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		engine.Close()
	})
	r.apply(reconciletest.Object(v1.DockerHost, "default/local", v1.DockerHostSpec{Endpoint: endpoint}))
	return r
}

// clear removes what a failed test left behind.
func (r *real) clear() {
	for _, obj := range r.list() {
		for _, c := range r.containers(string(obj.UID)) {
			_ = r.engine.Remove(context.Background(), c.ID)
		}
	}
}

func (r *real) list() []*api.Object {
	list, err := r.store.List(context.Background(), v1.ContainerInstance, store.ListOptions{})
	if err != nil {
		r.t.Error(err)
	}
	return list.Items
}

func (r *real) containers(uid string) []docker.Container {
	r.t.Helper()
	all, err := r.engine.List(context.Background(), map[string]string{v1.LabelUID: uid})
	if err != nil {
		r.t.Error(err)
	}
	return all
}

// apply creates the object or gives it a new spec, and returns its uid.
func (r *real) apply(obj *api.Object) string {
	r.t.Helper()
	for range 100 {
		live, err := r.store.Get(r.t.Context(), obj.Key())
		if errors.Is(err, api.ErrNotFound) {
			live, err = r.store.Create(r.t.Context(), obj)
		} else if err == nil {
			live = live.Clone()
			live.Spec = obj.Spec
			live, err = r.store.Update(r.t.Context(), live)
		}
		if err == nil {
			return string(live.UID)
		}
		if !errors.Is(err, api.ErrConflict) {
			r.t.Fatal(err)
		}
	}
	r.t.Fatal("conflict after conflict")
	return ""
}

func (r *real) instance(run, name string, change func(*spec), args ...string) *api.Object {
	s := spec{Run: run, Image: r.image, Args: args, PullPolicy: v1.PullNever}
	s.HostRef.Name = "local"
	if change != nil {
		change(&s)
	}
	return reconciletest.Object(v1.ContainerInstance, "default/"+name, s)
}

// until waits for an instance's status to be as wanted.
func (r *real) until(name, what string, wanted func(status) bool) status {
	r.t.Helper()
	var s status
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		obj, err := r.store.Get(r.t.Context(), reconciletest.Key(v1.ContainerInstance, "default/"+name))
		if err != nil {
			r.t.Fatal(err)
		}
		s = status{}
		if len(obj.Status) > 0 {
			if err := json.Unmarshal(obj.Status, &s); err != nil {
				r.t.Fatal(err)
			}
		}
		if wanted(s) {
			return s
		}
	}
	r.t.Fatalf("%s is not %s: %+v", name, what, s)
	return s
}

func (r *real) phase(name, phase string) status {
	r.t.Helper()
	return r.until(name, phase, func(s status) bool { return s.Phase == phase })
}

// one waits until exactly one container of an object runs, and it is not the one to avoid.
func (r *real) one(uid, not string) docker.Container {
	r.t.Helper()
	var all []docker.Container
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if all = r.containers(uid); len(all) == 1 && all[0].State == docker.Running && all[0].ID != not {
			return all[0]
		}
	}
	r.t.Fatalf("want one running container, got %+v", all)
	return docker.Container{}
}

func (r *real) none(uid string) {
	r.t.Helper()
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if len(r.containers(uid)) == 0 {
			return
		}
	}
	r.t.Fatalf("containers are left: %+v", r.containers(uid))
}

func (r *real) delete(name, uid string) {
	r.t.Helper()
	key := reconciletest.Key(v1.ContainerInstance, "default/"+name)
	if _, err := r.store.Delete(r.t.Context(), key, store.Preconditions{}); err != nil {
		r.t.Fatal(err)
	}
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, err := r.store.Get(r.t.Context(), key); errors.Is(err, api.ErrNotFound) {
			if left := r.containers(uid); len(left) > 0 {
				r.t.Fatalf("released, and left behind: %+v", left)
			}
			return
		}
	}
	r.t.Fatalf("%s does not go away", name)
}

// log asks the subresource.
func (r *real) log(name, query string) string {
	r.t.Helper()
	obj, err := r.store.Get(r.t.Context(), reconciletest.Key(v1.ContainerInstance, "default/"+name))
	if err != nil {
		r.t.Fatal(err)
	}
	w := httptest.NewRecorder()
	req := httptest.NewRequest("GET", "/log?"+query, nil)
	if err := containerinstance.Log(r.pool, r.store, r.logs)(w, req, obj, ""); err != nil {
		r.t.Fatal(err)
	}
	return w.Body.String()
}

func TestRealJobs(t *testing.T) {
	r := newReal(t)
	done := r.apply(r.instance(v1.RunJob, "done", nil, "print", "hello", "sleep", "300ms", "print", "bye"))
	if got := r.log("done", "follow=true"); got != "hello\nbye\n" {
		t.Errorf("followed log %q", got)
	}
	s := r.phase("done", v1.InstanceCompleted)
	if s.ExitCode == nil || *s.ExitCode != 0 || !meta.IsStatusConditionTrue(s.Conditions, v1.InstanceComplete) || !strings.HasPrefix(s.Image, "sha256:") {
		t.Errorf("status %+v", s)
	}
	r.none(done)
	if got := r.log("done", "tailLines=1"); got != "bye\n" {
		t.Errorf("kept log %q", got)
	}

	failed := r.apply(r.instance(v1.RunJob, "failed", nil, "exit", "3"))
	if s := r.phase("failed", v1.InstanceFailed); *s.ExitCode != 3 || s.Reason != "ExitCode" || !meta.IsStatusConditionTrue(s.Conditions, v1.InstanceFailure) {
		t.Errorf("status %+v", s)
	}
	late := r.apply(r.instance(v1.RunJob, "late", func(s *spec) { s.TimeoutSeconds = 1 }, "forever"))
	if s := r.phase("late", v1.InstanceTimeout); s.Reason != "TimedOut" {
		t.Errorf("status %+v", s)
	}
	stopped := r.apply(r.instance(v1.RunJob, "stopped", nil, "forever"))
	r.one(stopped, "")
	r.apply(r.instance(v1.RunJob, "stopped", func(s *spec) { s.Cancel = true }, "forever"))
	r.phase("stopped", v1.InstanceCancelled)
	for name, uid := range map[string]string{"done": done, "failed": failed, "late": late, "stopped": stopped} {
		r.none(uid)
		r.delete(name, uid)
	}
}

func TestRealServiceIsHealedAndRolled(t *testing.T) {
	r := newReal(t)
	grace := 1
	env := func(value string) func(*spec) {
		return func(s *spec) {
			s.Env, s.StopGraceSeconds = []v1.EnvVar{{Name: "WORD", Value: value}}, &grace
		}
	}
	uid := r.apply(r.instance(v1.RunService, "svc", env("one"), "env", "WORD", "forever"))
	first := r.one(uid, "")
	r.phase("svc", v1.InstanceRunning)

	if err := r.engine.Remove(t.Context(), first.ID); err != nil { // docker rm -f
		t.Fatal(err)
	}
	second := r.one(uid, first.ID)
	r.until("svc", "restarted once", func(s status) bool { return s.Restarts == 1 && s.ContainerID == second.ID })

	if err := r.engine.Stop(t.Context(), second.ID, time.Second); err != nil { // docker stop
		t.Fatal(err)
	}
	r.until("svc", "restarted twice", func(s status) bool { return s.Restarts == 2 && s.RetryAt == nil })
	if again := r.one(uid, ""); again.ID != second.ID {
		t.Errorf("a stopped container was replaced")
	}

	r.apply(r.instance(v1.RunService, "svc", env("two"), "env", "WORD", "forever"))
	third := r.one(uid, second.ID)
	r.until("svc", "rolled", func(s status) bool {
		return s.ExecutionID == "2" && s.Phase == v1.InstanceRunning && s.ContainerID == third.ID
	})
	if got := r.log("svc", ""); got != "two\n" {
		t.Errorf("log %q", got)
	}
	if got := r.log("svc", "execution=1"); !strings.Contains(got, "one\n") {
		t.Errorf("log of the execution before %q", got)
	}
	r.delete("svc", uid)
}

func TestRealContainersAreMadeAsSpecified(t *testing.T) {
	r := newReal(t)
	no := false
	uid := r.apply(r.instance(v1.RunService, "made", func(s *spec) {
		s.Resources = v1.ContainerResources{Memory: "128Mi", CPU: "250m"}
		s.Security = v1.ContainerSecurity{ReadOnlyRootfs: true, CapAdd: []string{"CHOWN"}, NetworkAccess: &no}
		s.Mounts = []v1.Mount{{Type: "tmpfs", Target: "/tmp", SizeMB: 1}, {Type: "bind", Source: t.TempDir(), Target: "/data", ReadOnly: true}}
		s.Labels, s.User, s.WorkingDir = map[string]string{"team": "shop"}, "1000:1000", "/tmp"
		s.Health = &v1.ContainerHealthTest{Command: []string{"/program", "exit", "0"}, IntervalSeconds: 1}
	}, "forever"))
	c := r.one(uid, "")
	if c.Labels["team"] != "shop" || c.Labels[v1.LabelNamespace] != "default" || c.Labels[v1.LabelKind] != "ContainerInstance" || !slices.Equal(c.Networks, []string{"none"}) {
		t.Errorf("%+v", c)
	}
	r.until("made", "healthy", func(s status) bool { return s.Health == "healthy" })
	r.delete("made", uid)
}

func TestRealProblemsAreTold(t *testing.T) {
	r := newReal(t)
	r.apply(reconciletest.Object(v1.DockerHost, "default/gone", v1.DockerHostSpec{Endpoint: "tcp://127.0.0.1:1"}))
	r.apply(r.instance(v1.RunJob, "unreachable", func(s *spec) { s.HostRef.Name = "gone" }, "exit", "0"))
	r.apply(r.instance(v1.RunJob, "imageless", func(s *spec) { s.Image, s.PullPolicy = "localhost:1/none:1", v1.PullIfNotPresent }, "exit", "0"))
	r.apply(r.instance(v1.RunJob, "commandless", func(s *spec) { s.Command = []string{"/nothing"} }))
	for name, words := range map[string][]string{
		"unreachable": {`DockerHost "gone" is disconnected`, "tcp://127.0.0.1:1"},
		"imageless":   {"image localhost:1/none:1", `DockerHost "local"`, "spec.image"},
		"commandless": {"/nothing", "no such file"},
	} {
		r.until(name, "explained", func(s status) bool {
			c := meta.FindStatusCondition(s.Conditions, api.Ready)
			return c != nil && !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(c.Message, word) })
		})
	}
	for _, obj := range r.list() {
		if obj.Name != "unreachable" {
			r.delete(obj.Name, string(obj.UID))
		}
	}
}
