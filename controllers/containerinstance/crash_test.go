package containerinstance_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/docker"
	"github.com/powernode/powernode/controllers/internal/docker/dockertest"
	"github.com/powernode/powernode/reconcile/reconciletest"
)

var methods = []string{"Ping", "Info", "List", "Image", "Create", "Connect", "Start", "Stop", "Remove", "Logs"}

// story leads a Service through a change of spec, and a Job to its end.
func story(w *world, between func()) {
	two := func(s *spec) { s.Networks = []string{"front", "back"} }
	w.Apply(service("print old forever", two))
	between()
	w.Apply(service("print new forever", two))
	between()
	other := job("print done sleep 10s exit 0")
	other.Name = "job"
	w.Apply(other)
	between()
	w.Advance(15 * time.Minute)
}

// ended asserts what story leads to, whatever went wrong on the way.
func (w *world) ended() {
	w.t.Helper()
	if got := w.ready(); got != "True Running" || w.status().ContainerID != w.running().ID {
		w.t.Errorf("Ready %s, status %+v", got, w.status())
	}
	s := reconciletest.Get[spec, status](w.World, v1.ContainerInstance, "default/job").Status
	if s.Phase != v1.InstanceCompleted || s.ExecutionID != "1" {
		w.t.Errorf("job: %+v", s)
	}
}

// Every call to the engine may fail, without effect or after it took effect.
func TestAnyFailureOfTheEngineIsOvercome(t *testing.T) {
	for _, method := range methods {
		for _, afterwards := range []bool{false, true} {
			for _, err := range []error{errors.New("the engine stumbled"), docker.ErrUnreachable} {
				t.Run(fmt.Sprintf("%s, effect %t, %v", method, afterwards, err), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w := newWorld(t)
						w.engine.FailOnce(method, err, afterwards)
						story(w, func() { w.Advance(time.Minute); w.engine.FailOnce(method, err, afterwards) })
						w.ended()
						w.quiet()
					})
				})
			}
		}
	}
}

// After any write to the store that is lost, a fresh controller finds what was
// made, and makes nothing twice.
func TestACrashAtAnyPointDoublesNothing(t *testing.T) {
	for n := 1; n <= 25; n++ {
		t.Run(fmt.Sprintf("at write %d", n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				seen := 0
				w.Intercept(func(op string, key api.Key) error {
					if key.Kind != v1.ContainerInstance || op != "UpdateStatus" {
						return nil
					}
					if seen++; seen >= n && seen < n+3 {
						return errors.New("the connection to the store broke")
					}
					return nil
				})
				story(w, func() {
					w.Advance(time.Minute)
					if most := len(w.engine.Containers()); most > 2 {
						t.Errorf("%d containers", most)
					}
					w.Crash()
				})
				w.ended()
				if starts := w.engine.Calls("Start"); starts > 3 {
					t.Errorf("%d starts for three containers", starts)
				}
				w.quiet()
			})
		})
	}
}

// A Job that ended while nobody looked is not run again.
func TestAJobThatEndedDuringACrashIsNotRunAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Intercept(func(op string, key api.Key) error {
			if key.Kind == v1.ContainerInstance && op == "UpdateStatus" {
				return errors.New("the connection to the store broke")
			}
			return nil
		})
		w.Apply(job("print once exit 0"))
		w.Advance(time.Minute)
		w.Intercept(nil)
		w.Crash()
		w.Advance(time.Minute)
		w.phase(v1.InstanceCompleted)
		if n := w.engine.Calls("Start"); n != 1 {
			t.Errorf("started %d times", n)
		}
		if got := w.log("1"); got != "once\n" {
			t.Errorf("log %q", got)
		}
		w.empty()
	})
}

// Why an attempt failed is stored before its container goes away.
func TestACrashDoesNotForgetWhyAnAttemptFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(job("sleep 10s exit 1", func(s *spec) { s.BackoffLimit = 1 }))
		w.Advance(9 * time.Second)
		w.Intercept(func(op string, key api.Key) error {
			if key.Kind == v1.ContainerInstance && op == "UpdateStatus" {
				return errors.New("the connection to the store broke")
			}
			return nil
		})
		w.Advance(3 * time.Second)
		w.Intercept(nil)
		w.Crash()
		w.Advance(time.Second)
		if s := w.phase(v1.InstanceRunning, "ExitCode"); s.Attempts != 2 {
			t.Errorf("status %+v", s)
		}
	})
}

// What does not carry the object's uid is never touched, even under our names.
func TestOthersContainersAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		foreign := map[string]string{v1.LabelUID: "another", v1.LabelKind: "ContainerInstance", v1.LabelNamespace: "default", v1.LabelName: "it"}
		for _, labels := range []map[string]string{nil, foreign} {
			id, err := w.engine.Create(t.Context(), docker.Spec{Name: fmt.Sprint("theirs", len(labels)), Image: dockertest.ImageName, Cmd: []string{"forever"}, Labels: labels})
			if err == nil {
				err = w.engine.Start(t.Context(), id)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		w.Apply(service("forever"))
		w.Apply(service("print new forever"))
		w.Advance(time.Minute)
		w.Delete(v1.ContainerInstance, "default/it")
		w.Advance(time.Minute)
		if all := w.engine.Containers(); len(all) != 2 || all[0].State != docker.Running || all[1].State != docker.Running {
			t.Errorf("containers %+v", all)
		}
	})
}
