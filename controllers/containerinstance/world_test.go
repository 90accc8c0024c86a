package containerinstance_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/containerinstance"
	"github.com/powernode/powernode/controllers/dockerhost"
	"github.com/powernode/powernode/controllers/internal/docker"
	"github.com/powernode/powernode/controllers/internal/docker/dockertest"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/memory"
)

type (
	spec   = v1.ContainerInstanceSpec
	status = v1.ContainerInstanceStatus
)

// world is a Manager with both kinds, on a fake engine.
type world struct {
	*reconciletest.World
	t      *testing.T
	engine *dockertest.World
	pool   *docker.Pool
	logs   store.Logs
}

// newWorld starts with a connected host "local".
func newWorld(t *testing.T) *world {
	t.Helper()
	engine := dockertest.NewWorld()
	w := &world{t: t, engine: engine, pool: engine.Pool(), logs: &memory.Logs{}}
	w.World = reconciletest.Settle(t, kindsOf(w.pool, w.logs), host("local"))
	return w
}

func kindsOf(pool *docker.Pool, logs containerinstance.Logs) []reconcile.Kind {
	return []reconcile.Kind{
		dockerhost.Kind(&dockerhost.Controller{Engines: pool}),
		containerinstance.Kind(containerinstance.Controller{Engines: pool, Logs: logs}),
	}
}

func host(name string) *api.Object {
	return reconciletest.Object(v1.DockerHost, "default/"+name, v1.DockerHostSpec{Endpoint: "tcp://" + name + ":2375"})
}

// job and service are instances whose container runs the words of package script.
func job(words string, change ...func(*spec)) *api.Object {
	return instance(spec{Run: v1.RunJob}, words, change)
}

func service(words string, change ...func(*spec)) *api.Object {
	return instance(spec{Run: v1.RunService}, words, change)
}

func instance(s spec, words string, change []func(*spec)) *api.Object {
	s.HostRef.Name, s.Image, s.Args = "local", dockertest.ImageName, strings.Fields(words)
	for _, c := range change {
		c(&s)
	}
	return reconciletest.Object(v1.ContainerInstance, "default/it", s)
}

// Apply and Delete also let the passes follow that come right after a stored one.
func (w *world) Apply(objs ...*api.Object) {
	w.t.Helper()
	w.World.Apply(objs...)
	w.Advance(100 * time.Millisecond)
}

func (w *world) Delete(kind, name string) {
	w.t.Helper()
	w.World.Delete(kind, name)
	w.Advance(100 * time.Millisecond)
}

func (w *world) status() status {
	w.t.Helper()
	return reconciletest.Get[spec, status](w.World, v1.ContainerInstance, "default/it").Status
}

func (w *world) ready() string { w.t.Helper(); return w.Ready(v1.ContainerInstance, "default/it") }

// phase asserts the phase, and the reason when one is given.
func (w *world) phase(phase string, reason ...string) status {
	w.t.Helper()
	s := w.status()
	if s.Phase != phase || len(reason) > 0 && s.Reason != reason[0] {
		w.t.Fatalf("phase %q, reason %q (%s; Ready %s), want %q %v", s.Phase, s.Reason, s.Message, w.ready(), phase, reason)
	}
	return s
}

// running asserts that exactly one container runs, and nothing else is there.
func (w *world) running() docker.Container {
	w.t.Helper()
	all := w.engine.Containers()
	if len(all) != 1 || all[0].State != docker.Running {
		w.t.Fatalf("want exactly one container, running, got %+v", all)
	}
	return all[0]
}

func (w *world) empty() {
	w.t.Helper()
	if all := w.engine.Containers(); len(all) != 0 {
		w.t.Fatalf("want no container, got %+v", all)
	}
}

// log reads what was kept of an execution's output.
func (w *world) log(execution string) string {
	w.t.Helper()
	uid := w.Object(v1.ContainerInstance, "default/it").UID
	text, closed, err := w.logs.Read(context.Background(), "container/"+string(uid)+"/"+execution, 0, 1<<20, 0)
	if err != nil || !closed {
		w.t.Fatalf("log of execution %s: closed %t, %v", execution, closed, err)
	}
	return string(text)
}

// quiet asserts that an hour of fake time changes nothing, in the store and on the engine.
func (w *world) quiet() {
	w.t.Helper()
	w.Advance(2 * time.Minute) // the host counts its containers once a minute
	before := w.engine.Changes()
	w.NoWrites(func() { w.Advance(time.Hour) })
	if n := w.engine.Changes() - before; n != 0 {
		w.t.Errorf("%d changing calls to the engine in a steady world", n)
	}
}

// leak asserts that a secret value is nowhere in the store.
func (w *world) leak(secret string) {
	w.t.Helper()
	for _, kind := range []string{v1.ContainerInstance, v1.DockerHost, v1.Event} {
		for _, obj := range w.List(kind) {
			if raw, err := json.Marshal(obj); err != nil || strings.Contains(string(raw), secret) {
				w.t.Errorf("%s holds a secret value (%v)", obj.Key(), err)
			}
		}
	}
}
