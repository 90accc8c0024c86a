package dockerhost_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/dockerhost"
	"github.com/powernode/powernode/controllers/internal/docker"
	"github.com/powernode/powernode/controllers/internal/docker/dockertest"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
)

type (
	spec   = v1.DockerHostSpec
	status = v1.DockerHostStatus
)

type world struct {
	*reconciletest.World
	t      *testing.T
	engine *dockertest.World
	pool   *docker.Pool
}

func newWorld(t *testing.T, objs ...*api.Object) *world {
	t.Helper()
	engine := dockertest.NewWorld()
	w := &world{t: t, engine: engine, pool: engine.Pool()}
	w.World = reconciletest.Settle(t, w.fresh(), objs...)
	return w
}

// fresh is the kind as a new process has it: it remembers nothing.
func (w *world) fresh() []reconcile.Kind {
	return []reconcile.Kind{dockerhost.Kind(&dockerhost.Controller{Engines: w.pool})}
}

func host(change ...func(*spec)) *api.Object {
	s := spec{Endpoint: "tcp://h:2375"}
	for _, c := range change {
		c(&s)
	}
	return reconciletest.Object(v1.DockerHost, "default/h", s)
}

func (w *world) phase(want string) status {
	w.t.Helper()
	s := reconciletest.Get[spec, status](w.World, v1.DockerHost, "default/h").Status
	if s.Phase != want {
		w.t.Fatalf("phase %q (%s), want %q", s.Phase, w.ready(), want)
	}
	return s
}

func (w *world) ready() string { w.t.Helper(); return w.Ready(v1.DockerHost, "default/h") }

func TestAHostConnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, host())
		s := w.phase(v1.HostConnected)
		if s.EngineVersion != "20.10.24" || s.APIVersion != "1.41" || s.OS != "linux" || s.Architecture != "x86_64" || s.Kernel != "6.1" ||
			s.CPUs != 4 || s.MemoryBytes != 8<<30 || s.Images.Total != 1 || *s.Networks != 3 || *s.Volumes != 0 {
			t.Errorf("status %+v", s)
		}
		if got := w.ready(); got != "True Connected" {
			t.Errorf("Ready %s", got)
		}
		asked := w.engine.Calls("Info")
		w.NoWrites(func() { w.Advance(time.Hour) })
		if n := w.engine.Calls("Info") - asked; n < 60 || n > 70 {
			t.Errorf("asked %d times in an hour", n)
		}
		if n := w.engine.Changes(); n != 0 {
			t.Errorf("%d changing calls", n)
		}
	})
}

// The first lost sign of life disconnects, the fifth in a row is an error, and
// the status is written for these two alone, however long it lasts.
func TestAHostIsLostAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, host())
		w.engine.SetDown(true)
		w.Advance(time.Second) // the stream of events tells
		if s := w.phase(v1.HostDisconnected); !strings.Contains(s.LastError, "connection refused") {
			t.Errorf("lastError %q", s.LastError)
		}
		if got := w.ready(); !strings.HasPrefix(got, "False Unreachable: spec.endpoint tcp://h:2375: ") {
			t.Errorf("Ready %s", got)
		}
		w.NoWrites(func() { w.Advance(10 * time.Second) })
		w.Advance(time.Minute)
		w.phase(v1.HostError)
		w.Advance(10 * time.Second)
		w.NoWrites(func() { w.Advance(time.Hour) })
		w.Become(w.fresh()) // a restart forgets the count, not the phase
		w.NoWrites(func() { w.Advance(time.Hour) })
		w.phase(v1.HostError)
		w.engine.SetDown(false)
		w.Advance(time.Minute)
		if s := w.phase(v1.HostConnected); s.LastError != "" {
			t.Errorf("lastError %q", s.LastError)
		}
	})
}

func TestAHostThatIsNotThereAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.engine.SetDown(true)
		w.Apply(host())
		w.phase(v1.HostDisconnected)
		w.engine.SetDown(false)
		w.Advance(time.Minute)
		w.phase(v1.HostConnected)
	})
}

func TestASilentHostIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, host())
		w.engine.SetHang(true)
		w.Advance(2 * time.Minute)
		w.phase(v1.HostDisconnected)
		w.engine.SetHang(false)
		w.Advance(2 * time.Minute)
		w.phase(v1.HostConnected)
	})
}

func TestMaintenancePausesAHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, host())
		w.Apply(host(func(s *spec) { s.Maintenance = true }))
		w.phase(v1.HostMaintenance)
		w.engine.SetDown(true)
		asked := w.engine.Calls("Info")
		w.NoWrites(func() { w.Advance(time.Hour) })
		if w.engine.Calls("Info") != asked {
			t.Error("a host in maintenance was asked")
		}
		w.Apply(host())
		w.phase(v1.HostDisconnected)
	})
}

func TestWithoutAutoSyncOnlyASignOfLifeIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		no := false
		w := newWorld(t, host(func(s *spec) { s.AutoSync, s.SyncIntervalSeconds = &no, 30 }))
		w.phase(v1.HostConnected)
		info, ping := w.engine.Calls("Info"), w.engine.Calls("Ping")
		w.Advance(10 * time.Minute)
		if n := w.engine.Calls("Info") - info; n != 0 {
			t.Errorf("facts were read %d times", n)
		}
		if n := w.engine.Calls("Ping") - ping; n < 20 {
			t.Errorf("asked for a sign of life %d times", n)
		}
	})
}

func TestATLSSecretIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, host(func(s *spec) { s.TLS = &v1.HostTLS{SecretRef: &v1.LocalRef{Name: "keys"}} }))
		w.phase(v1.HostPending)
		if got := w.ready(); !strings.Contains(got, "spec.tls.secretRef: Secret/default/keys: not found") {
			t.Errorf("Ready %s", got)
		}
		w.Apply(reconciletest.Object(v1.Secret, "default/keys", nil))
		w.phase(v1.HostConnected)
	})
}

func TestAHostStaysWhileItIsNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tenant := reconciletest.Object(v1.ContainerInstance, "default/it", v1.ContainerInstanceSpec{HostRef: v1.LocalRef{Name: "h"}})
		w := newWorld(t, host(), tenant)
		w.Delete(v1.DockerHost, "default/h")
		w.Advance(time.Hour)
		if got := w.ready(); got != "False InUse: 1 ContainerInstances are on this host, it first: delete them" {
			t.Errorf("Ready %s", got)
		}
		w.World.Delete(v1.ContainerInstance, "default/it")
		w.Advance(time.Second)
		if w.Exists(v1.DockerHost, "default/h") {
			t.Errorf("still there: %s", w.ready())
		}
	})
}

func TestARealHost(t *testing.T) {
	endpoint := dockertest.Endpoint(t)
	engine, err := docker.Dial(docker.Target{Endpoint: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	info, err := engine.Info(t.Context())
	if err != nil || info.Networks < 3 || info.Kernel == "" || info.Architecture == "" {
		t.Errorf("%+v, %v", info, err)
	}
}
