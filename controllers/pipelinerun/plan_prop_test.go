package pipelinerun

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/runner"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/flow"
)

// world is a queue and a clock for plan, with a store that may lose the last status.
type world struct {
	t     *rapid.T
	run   run
	now   time.Time
	saved v1.PipelineRunStatus
	tasks []runner.TaskState
	calls int
}

func genRun(t *rapid.T) run {
	n := rapid.IntRange(1, 6).Draw(t, "steps")
	spec := v1.PipelineSpec{TimeoutMinutes: rapid.IntRange(1, 90).Draw(t, "timeout")}
	for i := range n {
		s := v1.Step{Name: fmt.Sprintf("s%d", i), Type: flow.Custom, With: json.RawMessage(`{"run":"true"}`)}
		if rapid.Bool().Draw(t, "graph") {
			needs := []string{}
			for j := range i {
				if rapid.Bool().Draw(t, "need") {
					needs = append(needs, fmt.Sprintf("s%d", j))
				}
			}
			s.Needs = &needs
		}
		s.If = rapid.SampledFrom([]string{"", "", "always()", "failure()", "cancelled()", "false", "fromJSON('{')"}).Draw(t, "if")
		s.Always = rapid.IntRange(0, 5).Draw(t, "always") == 0
		s.ContinueOnError = rapid.Bool().Draw(t, "continueOnError")
		if rapid.Bool().Draw(t, "retried") {
			s.Retries = &v1.Retries{Limit: rapid.IntRange(0, 3).Draw(t, "limit"), BackoffSeconds: rapid.IntRange(1, 600).Draw(t, "backoff")}
		}
		spec.Steps = append(spec.Steps, s)
	}
	return run{
		key: api.Key{Kind: v1.PipelineRun, Namespace: "default", Name: "r"}, uid: "uid",
		spec: v1.PipelineRunSpec{PipelineRef: v1.LocalRef{Name: "p"}, Pipeline: &v1.PinnedPipeline{Spec: spec}},
	}
}

// pass is one pass of the controller, which may die before the status is stored.
func (w *world) pass(dies bool) decision {
	w.calls++
	d := plan(observation{run: w.run, status: *clone(&w.saved), tasks: slices.Clone(w.tasks), now: w.now})
	for _, i := range d.offers {
		w.offer(&d, i)
	}
	for _, id := range d.cancel {
		w.end(id)
	}
	if !dies {
		w.check(d.status)
		w.saved = d.status
	}
	return d
}

func (w *world) offer(d *decision, i int) {
	task, err := w.run.task(i, &d.status)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, t := range w.tasks {
		if t.ID == task.ID {
			if t.Phase == runner.TaskFinished {
				w.t.Fatalf("finished task %s is offered again", t.ID)
			}
			return
		}
		if t.Phase != runner.TaskFinished && stepOf(t) == w.run.steps()[i].Name {
			w.t.Fatalf("task %s is offered while %s is unfinished", task.ID, t.ID)
		}
	}
	for _, j := range flow.Needs(w.run.steps())[i] {
		if !flow.Ended(d.status.Steps[j].Phase) {
			w.t.Fatalf("step %d is offered before step %d, which it needs, has ended", i, j)
		}
	}
	w.tasks = append(w.tasks, runner.TaskState{Task: task, Phase: runner.TaskOffered, OfferedAt: w.now})
}

func stepOf(t runner.TaskState) string {
	var s runner.Step
	_ = json.Unmarshal(t.Payload, &s)
	return s.Name
}

// end is a cancel: a task that nobody has ends at once.
func (w *world) end(id string) {
	for i := range w.tasks {
		t := &w.tasks[i]
		if t.ID != id || t.Phase == runner.TaskFinished {
			continue
		}
		t.Cancelled = true
		if t.Phase == runner.TaskOffered {
			t.Phase, t.EndedAt = runner.TaskFinished, w.now
		}
	}
}

// check holds a new status against the one before.
func (w *world) check(next v1.PipelineRunStatus) {
	if flow.Ended(w.saved.Phase) {
		w.t.Fatalf("a run that had ended was changed from %+v to %+v", w.saved, next)
	}
	for i, was := range w.saved.Steps {
		a, _ := json.Marshal(was)
		b, _ := json.Marshal(next.Steps[i])
		if flow.Ended(was.Phase) && string(a) != string(b) {
			w.t.Fatalf("a step that had ended was changed from %s to %s", a, b)
		}
		if next.Steps[i].Attempts < was.Attempts {
			w.t.Fatalf("step %d went back from attempt %d to %d", i, was.Attempts, next.Steps[i].Attempts)
		}
	}
}

// work lets the runners do something, or time pass.
func (w *world) work() {
	var open []int
	for i, t := range w.tasks {
		if t.Phase != runner.TaskFinished {
			open = append(open, i)
		}
	}
	if len(open) == 0 || rapid.IntRange(0, 4).Draw(w.t, "idle") == 0 {
		w.now = w.now.Add(time.Duration(rapid.IntRange(1, 900).Draw(w.t, "seconds")) * time.Second)
		return
	}
	t := &w.tasks[rapid.SampledFrom(open).Draw(w.t, "task")]
	if t.Phase == runner.TaskOffered {
		t.Phase, t.Runner, t.LeasedAt = runner.TaskLeased, "r1", w.now
		t.Leases++
		return
	}
	conclusion := rapid.SampledFrom([]runner.Conclusion{runner.Success, runner.Success, runner.Failure}).Draw(w.t, "conclusion")
	if t.Cancelled {
		conclusion = runner.Cancelled
	}
	t.Phase, t.EndedAt = runner.TaskFinished, w.now
	t.Result, _ = json.Marshal(runner.Result{Conclusion: conclusion, Started: t.LeasedAt, Finished: w.now})
}

// A pass skips a step, offers the next, and dies before it is written down; then
// a cancel makes the condition of the skipped one true.
func TestAStepThatWasSkippedStaysSoAfterACrash(t *testing.T) {
	needs := []string{"a"}
	steps := []v1.Step{
		{Name: "a", Type: flow.Custom, With: json.RawMessage(`{"run":"true"}`), If: "cancelled()"},
		{Name: "b", Type: flow.Custom, With: json.RawMessage(`{"run":"true"}`), Needs: &needs, Always: true},
	}
	r := run{
		key: api.Key{Kind: v1.PipelineRun, Namespace: "default", Name: "r"}, uid: "uid",
		spec: v1.PipelineRunSpec{PipelineRef: v1.LocalRef{Name: "p"}, Pipeline: &v1.PinnedPipeline{Spec: v1.PipelineSpec{Steps: steps}}},
	}
	now := time.Unix(1_700_000_000, 0)
	lost := plan(observation{run: r, now: now})
	if !slices.Equal(lost.offers, []int{1}) {
		t.Fatalf("offers %v", lost.offers)
	}
	task, err := r.task(1, &lost.status)
	if err != nil {
		t.Fatal(err)
	}
	r.spec.Cancel = true
	d := plan(observation{run: r, now: now, tasks: []runner.TaskState{{Task: task, Phase: runner.TaskOffered, OfferedAt: now}}})
	if got := d.status.Steps[0].Phase; got != v1.StepSkipped || len(d.offers) != 0 {
		t.Errorf("step a is %s, offers %v", got, d.offers)
	}
}

func TestPlanEndsEveryRunSafely(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, run: genRun(t), now: time.Unix(1_700_000_000, 0)}
		for !flow.Ended(w.saved.Phase) {
			if w.calls > 2000 {
				t.Fatalf("the run does not end: %+v", w.saved)
			}
			w.run.spec.Cancel = w.run.spec.Cancel || rapid.IntRange(0, 30).Draw(t, "cancel") == 0
			d := w.pass(rapid.IntRange(0, 4).Draw(t, "dies") == 0)
			if !flow.Ended(w.saved.Phase) && d.waiting == "" && !flow.Ended(d.status.Phase) {
				t.Fatalf("the run has not ended and waits for nothing: %+v", d.status)
			}
			if w.unmoved(d) {
				t.Fatalf("nothing will ever happen: %+v", d.status)
			}
			w.work()
		}
		w.checkEnd()
	})
}

// unmoved reports whether the run waits without a task or a time to wait for.
func (w *world) unmoved(d decision) bool {
	if flow.Ended(d.status.Phase) || d.after > 0 || len(d.cancel) > 0 { // a cancel moves its tasks
		return false
	}
	return !slices.ContainsFunc(w.tasks, func(t runner.TaskState) bool { return t.Phase != runner.TaskFinished })
}

// checkEnd holds the end of a run against its steps.
func (w *world) checkEnd() {
	failed := false
	for i, s := range w.saved.Steps {
		if !flow.Ended(s.Phase) {
			w.t.Fatalf("the run has ended, step %s is %s", s.Name, s.Phase)
		}
		c := conclusion(w.run.steps()[i], s)
		failed = failed || c == v1.RunFailure || c == v1.RunCancelled
		if limit := w.run.steps()[i].Retries; limit != nil && s.Attempts > limit.Limit+1 || limit == nil && s.Attempts > 1 {
			w.t.Fatalf("step %s had %d attempts", s.Name, s.Attempts)
		}
	}
	switch w.saved.Phase {
	case v1.RunSuccess:
		if failed {
			w.t.Fatalf("success with failed steps: %+v", w.saved.Steps)
		}
	case v1.RunFailure:
		if !failed && w.saved.Reason != reasonTimedOut {
			w.t.Fatalf("failure without a failed step: %+v", w.saved)
		}
	case v1.RunCancelled:
		if !w.run.spec.Cancel {
			w.t.Fatalf("cancelled by nobody")
		}
	}
	for _, t := range w.tasks {
		if t.Phase != runner.TaskFinished {
			w.t.Fatalf("the run has ended, task %s is %s", t.ID, t.Phase)
		}
	}
}

// Once nothing moves in the world, a second plan finds nothing more to do.
func TestPlanIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, run: genRun(t), now: time.Unix(1_700_000_000, 0)}
		for range rapid.IntRange(0, 30).Draw(t, "events") {
			if flow.Ended(w.saved.Phase) {
				return
			}
			w.pass(false)
			w.work()
		}
		if flow.Ended(w.saved.Phase) {
			return
		}
		if w.pass(false); flow.Ended(w.saved.Phase) {
			return
		}
		if w.pass(false); flow.Ended(w.saved.Phase) { // takes in what its own cancels ended at once
			return
		}
		first, _ := json.Marshal(w.saved)
		d := w.pass(false)
		second, _ := json.Marshal(w.saved)
		if len(d.offers)+len(d.cancel) > 0 || string(first) != string(second) {
			t.Fatalf("offers %v, cancels %v\n%s\n%s", d.offers, d.cancel, first, second)
		}
	})
}
