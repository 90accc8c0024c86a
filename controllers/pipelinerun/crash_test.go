package pipelinerun

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/runner"
	v1 "github.com/powernode/powernode/api/v1"
)

// TestACrashAtAnyPointLosesNothing runs one pipeline over and over; each time
// the manager is killed before another of its writes of a run's status.
func TestACrashAtAnyPointLosesNothing(t *testing.T) {
	for at := 1; ; at++ {
		crashed := false
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			inBench(t, func(b *bench) { crashed = crashAt(t, b, at) })
		})
		if !crashed {
			if at < 6 {
				t.Errorf("only %d writes were seen", at-1)
			}
			return
		}
	}
}

func crashAt(t *testing.T, b *bench, at int) (crashed bool) {
	b.pipeline("p", custom("a", "b: retries: {limit: 1, backoffSeconds: 1}", "c"))
	writes := 0
	b.Intercept(func(op string, key api.Key) error {
		if op != "UpdateStatus" || key.Kind != v1.PipelineRun {
			return nil
		}
		if writes++; writes == at {
			crashed = true
		}
		if crashed {
			return errors.New("killed")
		}
		return nil
	})
	revive := func() {
		if crashed {
			b.Intercept(nil)
			b.Crash()
		}
	}
	b.run("p", "r")
	failed := false
	for range 40 {
		if crashed {
			revive()
		}
		j := b.lease()
		if j == nil {
			b.Advance(5 * time.Second)
			continue
		}
		if j.step.Name == "b" && !failed {
			failed = true
			j.fail(1)
			continue
		}
		j.succeed()
	}
	b.want("r", "success: a=success b=success c=success")
	for id, n := range b.took {
		if n != 1 {
			t.Errorf("task %s ran %d times", id, n)
		}
	}
	if len(b.took) != 4 {
		t.Errorf("tasks that ran: %v", b.took)
	}
	if left, _ := b.tasks.Of(t.Context(), string(b.Object(v1.PipelineRun, "default/r").UID)); len(left) > 0 {
		t.Errorf("%d tasks are left", len(left))
	}
	return crashed
}

func TestAStepWhoseRunnerDiesIsLeasedAgain(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", custom("a"))
		b.run("p", "r")
		dead := b.next("a")
		b.Advance(2 * runner.LeaseTime)
		b.want("r", "running: a=queued")
		if s := b.status("r").Steps[0]; s.Reason != "RunnerLost" {
			t.Errorf("%+v", s)
		}
		alive := b.next("a")
		if alive.step.Attempt != 1 {
			t.Errorf("attempt %d", alive.step.Attempt)
		}
		alive.succeed()
		b.want("r", "success: a=success")
		if err := b.tasks.Finish(t.Context(), dead.state.ID, dead.state.Token, nil); err == nil {
			t.Error("the dead runner's report was taken")
		}
	})
}

func TestATaskThatIsGoneIsOfferedAgain(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", custom("a"))
		b.run("p", "r")
		if err := b.tasks.Drop(t.Context(), string(b.Object(v1.PipelineRun, "default/r").UID)); err != nil {
			t.Fatal(err)
		}
		b.Hint(v1.PipelineRun, "default/r")
		b.next("a").succeed()
		b.want("r", "success: a=success")
	})
}
