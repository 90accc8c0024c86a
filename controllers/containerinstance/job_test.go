package containerinstance_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
)

func TestAJobCompletesAndItsLogStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(job("print hello sleep 30s exit 0"))
		w.phase(v1.InstanceRunning)
		w.running()
		w.Advance(31 * time.Second)
		s := w.phase(v1.InstanceCompleted, "Completed")
		if s.ExitCode == nil || *s.ExitCode != 0 || s.ExecutionID != "1" || s.Node != "local" || s.Finished == nil || s.Image == "" {
			t.Errorf("status %+v", s)
		}
		w.empty()
		if got := w.log("1"); got != "hello\n" {
			t.Errorf("log %q", got)
		}
		if c := w.Condition(v1.ContainerInstance, "default/it", v1.InstanceComplete); c.Status != "True" {
			t.Errorf("condition Complete %+v", c)
		}
		if got := w.ready(); got != "True Completed" {
			t.Errorf("Ready %s", got)
		}
		w.quiet()
	})
}

func TestAJobFailsWithItsExitCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(job("exit 3"))
		w.Advance(time.Second)
		s := w.phase(v1.InstanceFailed, "ExitCode")
		if s.ExitCode == nil || *s.ExitCode != 3 || s.Message != "the container ended with exit code 3" {
			t.Errorf("status %+v", s)
		}
		if c := w.Condition(v1.ContainerInstance, "default/it", v1.InstanceFailure); c.Status != "True" || c.Reason != "ExitCode" {
			t.Errorf("condition Failed %+v", c)
		}
		if c := w.Condition(v1.ContainerInstance, "default/it", api.Stalled); c.Status != "True" {
			t.Errorf("condition Stalled %+v", c)
		}
		w.empty()
		w.quiet()
	})
}

func TestAJobThatTakesTooLongIsStopped(t *testing.T) {
	for _, words := range []string{"forever", "stubborn forever"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.Apply(job(words, func(s *spec) { s.TimeoutSeconds = 60 }))
			w.Advance(59 * time.Second)
			w.phase(v1.InstanceRunning)
			w.Advance(15 * time.Second)
			w.phase(v1.InstanceTimeout, "TimedOut")
			w.empty()
			w.quiet()
		})
	}
}

func TestCancelEndsAJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(job("print begun forever"))
		w.running()
		w.Apply(job("print begun forever", func(s *spec) { s.Cancel = true }))
		w.Advance(time.Second)
		s := w.phase(v1.InstanceCancelled, "Cancelled")
		if s.ExitCode == nil || *s.ExitCode != 143 {
			t.Errorf("exit code %v", s.ExitCode)
		}
		w.empty()
		if got := w.log("1"); got != "begun\n" {
			t.Errorf("log %q", got)
		}
		w.Apply(job("print begun forever"))
		w.Advance(time.Minute)
		w.phase(v1.InstanceCancelled) // an end never changes
		w.quiet()
	})
}

func TestCancelOfAJobThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.engine.SetDown(true)
		w.Advance(time.Minute)
		w.Apply(job("forever", func(s *spec) { s.Cancel = true }))
		w.phase(v1.InstanceCancelled)
		w.engine.SetDown(false)
		w.Advance(time.Minute)
		w.empty()
	})
}

func TestAJobIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(job("exit 1", func(s *spec) { s.BackoffLimit = 2 }))
		w.Advance(time.Second)
		if s := w.phase(v1.InstanceRunning); s.Attempts != 2 || s.RetryAt == nil {
			t.Fatalf("after one attempt: %+v", s)
		}
		w.Advance(10 * time.Second)
		if s := w.phase(v1.InstanceRunning); s.Attempts != 3 {
			t.Fatalf("after two attempts: %+v", s)
		}
		w.Advance(20 * time.Second)
		if s := w.phase(v1.InstanceFailed, "ExitCode"); s.Attempts != 3 {
			t.Fatalf("attempts %d", s.Attempts)
		}
		if n := w.engine.Calls("Create"); n != 3 {
			t.Errorf("%d containers were made", n)
		}
		w.empty()
		w.quiet()
	})
}

func TestAChangedSpecIsANewExecution(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, text := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"} {
			w.Apply(job("print " + text))
			w.Advance(time.Second)
			w.phase(v1.InstanceCompleted)
		}
		s := w.status()
		if s.ExecutionID != "13" || len(s.Executions) != 10 || s.Executions[0].ExecutionID != "12" || s.Executions[0].Phase != v1.InstanceCompleted {
			t.Errorf("status %+v", s)
		}
		if got := w.log("13") + w.log("12"); got != "m\nl\n" {
			t.Errorf("logs %q", got)
		}
		w.quiet()
	})
}

func TestAChangedSpecEndsAJobThatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(job("print one forever"))
		w.running()
		w.Apply(job("print two"))
		w.Advance(time.Second)
		s := w.phase(v1.InstanceCompleted)
		if s.ExecutionID != "2" || len(s.Executions) != 1 || s.Executions[0].Reason != "Superseded" || s.Executions[0].Phase != v1.InstanceCancelled {
			t.Errorf("status %+v", s)
		}
		if got := w.log("1") + w.log("2"); got != "one\ntwo\n" {
			t.Errorf("logs %q", got)
		}
		w.empty()
	})
}

func TestARemovedJobFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(job("print lost forever"))
		w.engine.RemoveByHand(w.running().ID)
		w.Advance(time.Second)
		w.phase(v1.InstanceFailed, "ContainerRemoved")
		if got := w.log("1"); !strings.Contains(got, "removed before its log could be kept") {
			t.Errorf("log %q", got)
		}
		w.quiet()
	})
}

func TestTheLogIsCutToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(job("flood 250000 print last"))
		w.Advance(time.Second)
		got := w.log("1")
		first, rest, _ := strings.Cut(got, "\n")
		if first != "[truncated: 150005 bytes before this were cut]" || len(rest) != 100_000 || !strings.HasSuffix(rest, "last\n") {
			t.Errorf("first line %q, then %d bytes", first, len(rest))
		}
	})
}

func TestAFinishedJobDeletesItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ttl := 60
		for _, words := range []string{"exit 0", "exit 1"} {
			w.Apply(job(words, func(s *spec) { s.TTLSecondsAfterFinished = &ttl }))
			w.Advance(50 * time.Second)
			if !w.Exists(v1.ContainerInstance, "default/it") {
				t.Fatal("gone before its time")
			}
			w.Advance(20 * time.Second)
			if w.Exists(v1.ContainerInstance, "default/it") {
				t.Fatalf("still there: %+v", w.status())
			}
			w.empty()
		}
	})
}
