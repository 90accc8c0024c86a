package containerinstance_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/docker"
	"github.com/powernode/powernode/controllers/internal/docker/dockertest"
	"github.com/powernode/powernode/reconcile/reconciletest"
	"github.com/powernode/powernode/store/memory"
)

func TestAMissingHostIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(service("forever", func(s *spec) { s.HostRef.Name = "other" }))
		w.phase(v1.InstancePending)
		if got := w.ready(); got != `False HostMissing: spec.hostRef: DockerHost "other" is not there` {
			t.Errorf("Ready %s", got)
		}
		w.Apply(host("other"))
		w.phase(v1.InstanceRunning)
		w.running()
	})
}

func TestPendingTooLongFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(job("exit 0", func(s *spec) { s.HostRef.Name = "other" }))
		w.Advance(14 * time.Minute)
		w.phase(v1.InstancePending)
		w.Advance(2 * time.Minute)
		s := w.phase(v1.InstanceFailed, "PendingTimeout")
		if !strings.Contains(s.Message, `DockerHost "other" is not there`) {
			t.Errorf("message %q", s.Message)
		}
		w.Apply(host("other"))
		w.Advance(time.Hour)
		w.phase(v1.InstanceFailed) // of a Job that is the end
		w.empty()
	})
}

func TestProvisioningTooLongFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(job("exit 0", func(s *spec) { s.Image = "nowhere.example/nothing:1" }))
		w.phase(v1.InstanceProvisioning)
		w.Advance(11 * time.Minute)
		s := w.phase(v1.InstanceFailed, "ProvisioningTimeout")
		for _, word := range []string{"nowhere.example/nothing:1", `DockerHost "local"`, "docker load", "manifest unknown"} {
			if !strings.Contains(s.Message, word) {
				t.Errorf("message %q does not name %q", s.Message, word)
			}
		}
		w.quiet()
	})
}

// A Service that gave up comes up by itself once what it lacked is there.
func TestAServiceThatGaveUpTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(service("forever", func(s *spec) { s.Image = "shop:1" }))
		w.Advance(12 * time.Minute)
		w.phase(v1.InstanceFailed, "ProvisioningTimeout")
		w.engine.AllowPull("shop:1", time.Second)
		w.Advance(10 * time.Minute)
		if s := w.phase(v1.InstanceRunning); s.ExecutionID != "2" {
			t.Errorf("status %+v", s)
		}
		w.running()
	})
}

func TestAnUnreachableHostShowsOnTheInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(service("forever"))
		id := w.running().ID
		w.engine.SetDown(true)
		w.Advance(10 * time.Minute)
		if got := w.ready(); !strings.HasPrefix(got, `False HostUnreachable: DockerHost "local" is`) || !strings.Contains(got, "connection refused") {
			t.Errorf("Ready %s", got)
		}
		w.phase(v1.InstanceRunning)
		w.NoWrites(func() { w.Advance(time.Hour) })
		w.engine.SetDown(false)
		w.Advance(2 * time.Minute)
		if got := w.ready(); got != "True Running" || w.running().ID != id {
			t.Errorf("Ready %s", got)
		}
	})
}

// A silent engine is given up after its timeout, and meanwhile others are served.
func TestASilentHostBlocksNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent, well := dockertest.NewWorld(), dockertest.NewWorld()
		pool := &docker.Pool{Dial: func(target docker.Target) (docker.Engine, error) {
			if strings.Contains(target.Endpoint, "silent") {
				return silent, nil
			}
			return well, nil
		}}
		w := reconciletest.Settle(t, kindsOf(pool, &memory.Logs{}), host("silent"), host("well"))
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"} {
			obj := service("forever", func(s *spec) { s.HostRef.Name = "silent" })
			obj.Name = name
			w.Apply(obj)
		}
		silent.SetHang(true)
		w.Advance(2 * time.Minute)
		w.Apply(service("forever", func(s *spec) { s.HostRef.Name = "well" }))
		w.Advance(time.Second)
		if n := len(well.Containers()); n != 1 {
			t.Errorf("%d containers on the host that is well", n)
		}
		silent.SetHang(false)
		w.Advance(2 * time.Minute)
	})
}

func TestMaintenanceTakesNoNewWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(service("forever"))
		id := w.running().ID
		off := host("local")
		off.Spec = []byte(`{"endpoint":"tcp://local:2375","maintenance":true}`)
		w.Apply(off)
		other := job("exit 0")
		other.Name = "other"
		w.Apply(other, service("print new forever"))
		w.Advance(time.Minute)
		if w.running().ID != id {
			t.Error("what runs was touched")
		}
		if got := w.Ready(v1.ContainerInstance, "default/other"); got != `False HostMaintenance: DockerHost "local" is in maintenance` {
			t.Errorf("Ready %s", got)
		}
		w.Apply(host("local"))
		w.Advance(time.Minute)
		if s := w.phase(v1.InstanceRunning); s.ExecutionID != "2" {
			t.Errorf("status %+v", s)
		}
	})
}

func TestDeletionLeavesNothing(t *testing.T) {
	for _, words := range []string{"forever", "stubborn forever", "exit 0", "exit 1"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.Apply(service(words))
			uid := w.Object(v1.ContainerInstance, "default/it").UID
			w.Delete(v1.ContainerInstance, "default/it")
			w.Advance(time.Minute)
			w.empty()
			if w.Exists(v1.ContainerInstance, "default/it") {
				t.Errorf("still there: %+v", w.status())
			}
			if text, _, _ := w.logs.Read(t.Context(), "container/"+string(uid)+"/1", 0, 10, 0); len(text) > 0 {
				t.Errorf("log %q", text)
			}
		})
	}
}

func TestDeletionWaitsForTheHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(service("forever"))
		w.engine.SetDown(true)
		w.Advance(time.Minute)
		w.Delete(v1.ContainerInstance, "default/it")
		w.Delete(v1.DockerHost, "default/local")
		w.Advance(time.Hour)
		if !w.Exists(v1.ContainerInstance, "default/it") || !w.Exists(v1.DockerHost, "default/local") {
			t.Fatal("released although the container could not be removed")
		}
		w.engine.SetDown(false)
		w.Advance(5 * time.Minute)
		w.empty()
		if w.Exists(v1.ContainerInstance, "default/it") || w.Exists(v1.DockerHost, "default/local") {
			t.Errorf("still there: %s", w.ready())
		}
	})
}

func TestDeletionOfWhatWasNeverPlacedWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.engine.SetDown(true)
		w.Advance(time.Minute)
		w.Apply(service("forever"))
		w.Advance(time.Minute)
		w.Delete(v1.ContainerInstance, "default/it")
		w.Advance(time.Minute)
		if w.Exists(v1.ContainerInstance, "default/it") {
			t.Errorf("still there: %s", w.ready())
		}
		w.engine.SetDown(false)
		w.Advance(5 * time.Minute)
		w.empty()
	})
}

func TestOrphanLeavesTheContainer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(service("forever", func(s *spec) { s.DeletionPolicy = v1.DeletionOrphan }))
		w.Delete(v1.ContainerInstance, "default/it")
		w.running()
		if w.Exists(v1.ContainerInstance, "default/it") {
			t.Error("still there")
		}
	})
}

func TestEnvironmentFromReferences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(job("env TOKEN env APP_region env LEVEL", func(s *spec) {
			s.EnvFrom = []v1.EnvFrom{{Prefix: "APP_", ConfigMapRef: &v1.OptionalRef{Name: "app"}}}
			s.Env = []v1.EnvVar{
				{Name: "LEVEL", Value: "info"},
				{Name: "TOKEN", ValueFrom: &v1.EnvSource{SecretKeyRef: &v1.KeyRef{Name: "app", Key: "token"}}},
				{Name: "NONE", ValueFrom: &v1.EnvSource{SecretKeyRef: &v1.KeyRef{Name: "none", Key: "x", Optional: true}}},
			}
		}))
		if got := w.ready(); got != `False ReferenceMissing: spec.envFrom[0]: ConfigMap "app" is not there` {
			t.Errorf("Ready %s", got)
		}
		w.Apply(data(v1.ConfigMap, `{"region":"north"}`))
		if got := w.ready(); got != `False ReferenceMissing: spec.env[1]: Secret "app" is not there` {
			t.Errorf("Ready %s", got)
		}
		w.Apply(data(v1.Secret, `{"other":"eA=="}`))
		if got := w.ready(); got != `False ReferenceMissing: spec.env[1]: Secret "app" has no key "token"` {
			t.Errorf("Ready %s", got)
		}
		w.Apply(data(v1.Secret, `{"token":"czNjcjN0LXZhbHVl"}`))
		w.Advance(time.Second)
		w.phase(v1.InstanceCompleted)
		if got := w.log("1"); got != "s3cr3t-value\nnorth\ninfo\n" {
			t.Errorf("log %q", got)
		}
		w.leak("s3cr3t-value")
	})
}

// An engine that quotes what it was given must not carry a secret out.
func TestErrorsOfTheEngineAreMasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.engine.FailOnce("Create", errQuoting{}, false)
		w.Apply(data(v1.Secret, `{"token":"czNjcjN0LXZhbHVl"}`))
		w.Apply(job("exit 0", func(s *spec) { s.EnvFrom = []v1.EnvFrom{{SecretRef: &v1.OptionalRef{Name: "app"}}} }))
		if got := w.ready(); !strings.Contains(got, "bad value ***") {
			t.Errorf("Ready %s", got)
		}
		w.leak("s3cr3t-value")
	})
}

type errQuoting struct{}

func (errQuoting) Error() string { return "bad value s3cr3t-value" }

func data(kind, values string) *api.Object {
	obj := reconciletest.Object(kind, "default/app", nil)
	obj.Rest = map[string]json.RawMessage{"data": json.RawMessage(values)}
	return obj
}
