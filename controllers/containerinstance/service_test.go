package containerinstance_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/docker/dockertest"
)

func TestAServiceStaysUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(service("forever"))
		s := w.phase(v1.InstanceRunning)
		if got := w.ready(); got != "True Running" || s.ContainerID != w.running().ID {
			t.Errorf("Ready %s, status %+v", got, s)
		}
		w.quiet()
	})
}

// Whatever somebody else does to the container, it is back within five seconds.
func TestAServiceIsHealed(t *testing.T) {
	harms := map[string]func(w *world, id string){
		"removed": func(w *world, id string) { w.engine.RemoveByHand(id) },
		"stopped": func(w *world, id string) { w.engine.StopByHand(id) },
		"killed":  func(w *world, id string) { w.engine.Kill(id) },
	}
	for name, harm := range harms {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.Apply(service("forever"))
				for n := 1; n <= 3; n++ {
					w.Advance(2 * time.Minute)
					harm(w, w.running().ID)
					w.Advance(5 * time.Second)
					w.running()
					if s := w.phase(v1.InstanceRunning); s.Restarts != n || s.ExecutionID != "1" {
						t.Fatalf("after harm %d: %+v", n, s)
					}
				}
				w.quiet()
			})
		})
	}
}

// The resync backs up the events.
func TestAServiceIsHealedWithoutEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		quiet := host("local") // a host whose status tells nothing of its containers either
		quiet.Spec = []byte(`{"endpoint":"tcp://local:2375","autoSync":false}`)
		w.Apply(quiet)
		w.Apply(service("forever"))
		w.engine.SetMute(true)
		w.Advance(2 * time.Minute)
		w.engine.RemoveByHand(w.running().ID)
		w.Advance(time.Minute)
		w.running()
	})
}

// While the stream of events is down nothing is heard; that is made up for.
func TestAServiceIsHealedAfterALostConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(service("forever"))
		w.Advance(time.Minute)
		id := w.running().ID
		w.engine.SetDown(true)
		w.engine.RemoveByHand(id)
		w.Advance(10 * time.Second)
		w.engine.SetDown(false)
		w.Advance(time.Minute)
		w.running()
	})
}

func TestACrashLoopSlowsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(service("sleep 1s exit 1"))
		w.Advance(10 * time.Minute)
		if n := w.engine.Calls("Start"); n < 5 || n > 9 {
			t.Errorf("%d starts in ten minutes", n)
		}
		s := w.phase(v1.InstanceRunning, "ExitCode")
		if !strings.HasPrefix(w.ready(), "False BackOff") || s.Restarts < 4 || s.RetryAt == nil {
			t.Errorf("Ready %s, status %+v", w.ready(), s)
		}
		if n := len(w.engine.Containers()); n != 1 {
			t.Errorf("%d containers", n)
		}
	})
}

func TestAnImmediateCrashDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(service("exit 1"))
		w.Advance(10 * time.Minute)
		if n := w.engine.Calls("Start"); n < 5 || n > 9 {
			t.Errorf("%d starts in ten minutes", n)
		}
	})
}

func TestRestartPolicies(t *testing.T) {
	cases := map[string]struct{ policy, words, phase string }{
		"OnFailure, ended well":  {v1.RestartOnFailure, "sleep 2m exit 0", v1.InstanceCompleted},
		"OnFailure, ended badly": {v1.RestartOnFailure, "sleep 2m exit 1", v1.InstanceRunning},
		"Never, ended badly":     {v1.RestartNever, "sleep 2m exit 1", v1.InstanceFailed},
		"Always, ended well":     {v1.RestartAlways, "sleep 2m exit 0", v1.InstanceRunning},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.Apply(service(c.words, func(s *spec) { s.RestartPolicy = c.policy }))
				w.Advance(130 * time.Second)
				w.phase(c.phase)
			})
		})
	}
}

func TestAChangedSpecRollsAService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(service("print old forever"))
		old := w.running()
		w.Apply(service("print new forever", func(s *spec) { s.Env = []v1.EnvVar{{Name: "A", Value: "1"}} }))
		w.Advance(15 * time.Second)
		now := w.running()
		s := w.phase(v1.InstanceRunning)
		if now.ID == old.ID || s.ExecutionID != "2" || s.ContainerID != now.ID || s.Executions[0].Reason != "Superseded" {
			t.Errorf("status %+v", s)
		}
		if env := w.engine.Spec(now.ID).Env; len(env) != 1 || env[0] != "A=1" {
			t.Errorf("env %v", env)
		}
		if got := w.log("1"); got != "old\n" {
			t.Errorf("kept log %q", got)
		}
		w.quiet()
	})
}

// What does not shape the container does not touch it.
func TestSomeFieldsDoNotRollAService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(service("forever"))
		old, grace := w.running(), 3
		w.Apply(service("forever", func(s *spec) {
			s.PullPolicy, s.StopGraceSeconds, s.RestartPolicy, s.DeletionPolicy = v1.PullNever, &grace, v1.RestartOnFailure, v1.DeletionOrphan
		}))
		w.Advance(time.Minute)
		if w.running().ID != old.ID {
			t.Error("the container was replaced")
		}
	})
}

func TestAWrongImageLeavesTheOldContainerRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(service("forever"))
		old := w.running()
		w.Apply(service("forever", func(s *spec) { s.Image = "nowhere.example/nothing:1" }))
		w.Advance(20 * time.Minute)
		if w.running().ID != old.ID {
			t.Error("the container was replaced")
		}
		if got := w.ready(); !strings.HasPrefix(got, "False ImagePullFailed: image nowhere.example/nothing:1 is not on DockerHost \"local\"") {
			t.Errorf("Ready %s", got)
		}
		w.Apply(service("forever"))
		w.Advance(time.Second)
		if got := w.ready(); got != "True Running" || w.running().ID != old.ID {
			t.Errorf("Ready %s", got)
		}
	})
}

func TestCancelStopsAService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(service("forever"))
		w.Apply(service("forever", func(s *spec) { s.Cancel = true }))
		w.Advance(time.Second)
		w.phase(v1.InstanceCancelled)
		w.empty()
		w.quiet()
	})
}

func TestHealthShowsInReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(service("forever", func(s *spec) { s.Health = &v1.ContainerHealthTest{Command: []string{"/check"}} }))
		id := w.running().ID
		for _, step := range []struct{ health, ready string }{
			{"healthy", "True Running"}, {"unhealthy", "False Unhealthy: the health check says unhealthy"}, {"healthy", "True Running"},
		} {
			w.engine.SetHealth(id, step.health)
			w.Settle()
			if got := w.ready(); got != step.ready || w.status().Health != step.health {
				t.Errorf("%s: Ready %s, health %q", step.health, got, w.status().Health)
			}
		}
		w.quiet()
	})
}

func TestSeveralNetworks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(service("forever", func(s *spec) { s.Networks = []string{"front", "back"} }))
		if got := strings.Join(w.running().Networks, " "); got != "back front" {
			t.Errorf("networks %s", got)
		}
		w.quiet()
	})
}

func TestImagesArePulled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.engine.AllowPull("shop:1", 5*time.Minute)
		w.Apply(service("forever", func(s *spec) { s.Image = "shop:1" }))
		w.phase(v1.InstanceProvisioning)
		if got := w.ready(); got != `False Pulling: image shop:1 is being pulled to DockerHost "local"` {
			t.Errorf("Ready %s", got)
		}
		w.Advance(5*time.Minute + time.Second)
		w.running()
		if s := w.phase(v1.InstanceRunning); s.Image != "shop@sha256:shop:1" {
			t.Errorf("image %s", s.Image)
		}
		if n := w.engine.Calls("Pull"); n != 1 {
			t.Errorf("%d pulls", n)
		}
	})
}

func TestPullPolicies(t *testing.T) {
	cases := map[string]struct {
		policy, image, phase string
		pulls                int
	}{
		"IfNotPresent, present": {v1.PullIfNotPresent, dockertest.ImageName, v1.InstanceRunning, 0},
		"Never, present":        {v1.PullNever, dockertest.ImageName, v1.InstanceRunning, 0},
		"Never, missing":        {v1.PullNever, "shop:1", v1.InstanceProvisioning, 0},
		"Always, present":       {v1.PullAlways, dockertest.ImageName, v1.InstanceRunning, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.engine.AllowPull(dockertest.ImageName, time.Second)
				w.Apply(service("forever", func(s *spec) { s.Image, s.PullPolicy = c.image, c.policy }))
				w.Advance(time.Minute)
				w.phase(c.phase)
				if n := w.engine.Calls("Pull"); n != c.pulls {
					t.Errorf("%d pulls", n)
				}
			})
		})
	}
}
