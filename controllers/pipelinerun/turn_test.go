package pipelinerun

import (
	"fmt"
	"testing"
	"time"

	v1 "github.com/powernode/powernode/api/v1"
)

// policy is a one-step pipeline with a policy of concurrency.
func policy(name, group string) string {
	return fmt.Sprintf("concurrency: {policy: %s, group: %q}\ntriggers: {manual: {inputs: {branch: {default: main}}}}\n", name, group) + custom("a")
}

func TestQueueRunsInTheOrderOfCreation(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", policy("Queue", ""))
		for _, name := range []string{"z", "y", "x"} {
			b.run("p", name)
			b.Advance(time.Second)
		}
		b.want("z", "running: a=queued")
		b.want("y", "queued: a=pending")
		b.want("x", "queued: a=pending")
		if got := b.Ready(v1.PipelineRun, "default/x"); got != "False Queued: waiting for run y to end, which is ahead of it" {
			t.Error(got)
		}
		for i, name := range []string{"z", "y", "x"} {
			j := b.next("a")
			if j.step.Run != name {
				t.Fatalf("%s runs where %s is expected", j.step.Run, name)
			}
			b.idle()
			j.succeed()
			if n := b.status(name).Number; n != i+1 {
				t.Errorf("%s has number %d", name, n)
			}
		}
	})
}

func TestARunInTheQueueCanBeCancelled(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", policy("Queue", ""))
		b.run("p", "one")
		b.Advance(time.Second)
		b.run("p", "two")
		b.cancelRun("two")
		b.want("two", "cancelled: a=cancelled")
		b.next("a").succeed()
		b.want("one", "success: a=success")
	})
}

func TestGroupsDoNotMatterToEachOther(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", policy("Queue", "${{ inputs.branch }}"))
		b.run("p", "one")
		b.run("p", "two", `branch="next"`)
		b.run("p", "three", `branch="next"`)
		b.want("one", "running: a=queued")
		b.want("two", "running: a=queued")
		b.want("three", "queued: a=pending")
		if g := b.status("two").Group; g != "next" {
			t.Errorf("group %q", g)
		}
	})
}

func TestAllowRunsAllAtOnce(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", policy("Allow", ""))
		b.run("p", "one")
		b.run("p", "two")
		b.want("one", "running: a=queued")
		b.want("two", "running: a=queued")
	})
}

func TestForbidCancelsTheOneThatComes(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", policy("Forbid", ""))
		b.run("p", "one")
		b.Advance(time.Second)
		b.run("p", "two")
		b.want("one", "running: a=queued")
		b.want("two", "cancelled: a=cancelled")
		st := b.status("two")
		if st.Reason != "Forbidden" || st.Message != "run one had not ended, and the pipeline's concurrency policy is Forbid" {
			t.Errorf("%s: %s", st.Reason, st.Message)
		}
		b.next("a").succeed()
		b.run("p", "three")
		b.want("three", "running: a=queued")
	})
}

func TestReplaceCancelsWhatRunsAndWaitsForItsEnd(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", policy("Replace", ""))
		b.run("p", "one")
		j := b.next("a")
		b.Advance(time.Second)
		b.run("p", "two")
		b.Advance(time.Second)
		b.run("p", "three")
		b.want("two", "cancelled: a=cancelled")
		b.want("three", "queued: a=pending")
		if !j.toCancel() {
			t.Error("the first is not told to stop")
		}
		j.succeed() // it was quicker; the run was ending all the same
		b.want("one", "cancelled: a=success")
		b.next("a").succeed()
		b.want("three", "success: a=success")
		if st := b.status("two"); st.Reason != "Replaced" || st.Message != "run three took its place" {
			t.Errorf("%s: %s", st.Reason, st.Message)
		}
	})
}

func TestAGroupThatCantBeEvaluatedFailsTheRun(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", policy("Queue", "${{ fromJSON('{') }}"))
		b.run("p", "r")
		b.want("r", "failure: a=cancelled")
		if st := b.status("r"); st.Reason != "InvalidGroup" {
			t.Errorf("%s: %s", st.Reason, st.Message)
		}
	})
}

func TestNumbersAreNotGivenTwice(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", policy("Queue", ""))
		b.run("p", "one")
		b.next("a").succeed()
		b.run("p", "two")
		b.next("a").succeed()
		pipeline := b.Object(v1.Pipeline, "default/p").Clone()
		pipeline.Status = []byte(`{"lastNumber": 2}`) // as its controller has it
		if _, err := b.Store.UpdateStatus(t.Context(), pipeline); err != nil {
			t.Fatal(err)
		}
		b.Delete(v1.PipelineRun, "default/two")
		b.run("p", "three")
		if n := b.status("three").Number; n != 3 {
			t.Errorf("number %d", n)
		}
	})
}

func TestRunsThatCameWhileNoServerRanAreNumberedByAge(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", policy("Queue", ""))
		b.Become(nil)
		for _, name := range []string{"z", "y", "x"} {
			b.run("p", name)
			b.Advance(time.Second)
		}
		b.Become(b.kinds)
		for i, name := range []string{"z", "y", "x"} {
			if n := b.status(name).Number; n != i+1 {
				t.Errorf("%s has number %d", name, n)
			}
		}
		b.want("z", "running: a=queued")
	})
}

// The end of one run is no news to those that still have others ahead of them.
func TestAQueueAtRestIsNotWrittenTo(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", policy("Queue", ""))
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			b.run("p", name)
			b.Advance(time.Second)
		}
		before := b.Object(v1.PipelineRun, "default/e").ResourceVersion
		for range 3 {
			b.next("a").succeed()
		}
		b.want("d", "running: a=queued")
		if after := b.Object(v1.PipelineRun, "default/e").ResourceVersion; after != before {
			t.Errorf("written to from %s to %s", before, after)
		}
		b.next("a").succeed()
		b.want("e", "running: a=queued")
	})
}
