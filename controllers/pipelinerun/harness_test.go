package pipelinerun

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/runner"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
	"github.com/powernode/powernode/store/memory"
)

// bench is a world with a queue of tasks, and the hands of a runner.
type bench struct {
	*reconciletest.World
	t     *testing.T
	tasks *memory.Tasks
	logs  *memory.Logs
	blobs *memory.Blobs
	kinds []reconcile.Kind
	took  map[string]int // how often each task was leased
}

// inBench runs a test in fake time.
func inBench(t *testing.T, test func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, tasks: &memory.Tasks{}, logs: &memory.Logs{}, blobs: &memory.Blobs{}, took: map[string]int{}}
		c := Controller{Tasks: b.tasks, Logs: b.logs, Blobs: b.blobs}
		b.kinds = []reconcile.Kind{Kind(c)}
		b.World = reconciletest.Settle(t, b.kinds)
		test(b)
	})
}

// pipeline stores a pipeline of the given spec, in YAML.
func (b *bench) pipeline(name, spec string) {
	b.t.Helper()
	var s v1.PipelineSpec
	if err := yaml.UnmarshalStrict([]byte(spec), &s); err != nil {
		b.t.Fatal(err)
	}
	b.Apply(reconciletest.Object(v1.Pipeline, "default/"+name, s))
}

// run creates a run as a user does: through admission.
func (b *bench) run(pipeline, name string, inputs ...string) {
	b.t.Helper()
	given := map[string]json.RawMessage{}
	for _, pair := range inputs {
		key, value, _ := strings.Cut(pair, "=")
		given[key] = json.RawMessage(value)
	}
	obj := reconciletest.Object(v1.PipelineRun, "default/"+name, v1.PipelineRunSpec{PipelineRef: v1.LocalRef{Name: pipeline}, Inputs: given})
	if wrong := Admit(b.t.Context(), api.AdmissionRequest{New: obj, Objects: b.Store}); len(wrong) > 0 {
		b.t.Fatal(wrong.ToAggregate())
	}
	b.Apply(obj)
}

func (b *bench) cancelRun(name string) {
	b.t.Helper()
	obj := b.Object(v1.PipelineRun, "default/"+name).Clone()
	var spec v1.PipelineRunSpec
	if err := json.Unmarshal(obj.Spec, &spec); err != nil {
		b.t.Fatal(err)
	}
	spec.Cancel = true
	obj.Spec, _ = json.Marshal(spec)
	if _, err := b.Store.Update(b.t.Context(), obj); err != nil {
		b.t.Fatal(err)
	}
	b.Settle()
}

func (b *bench) status(name string) v1.PipelineRunStatus {
	b.t.Helper()
	return reconciletest.Get[v1.PipelineRunSpec, v1.PipelineRunStatus](b.World, v1.PipelineRun, "default/"+name).Status
}

// phases is the run's phase and those of its steps: "running: a=success b=queued".
func (b *bench) phases(name string) string {
	b.t.Helper()
	st := b.status(name)
	words := []string{st.Phase + ":"}
	for _, s := range st.Steps {
		words = append(words, s.Name+"="+s.Phase)
	}
	return strings.Join(words, " ")
}

func (b *bench) want(name, phases string) {
	b.t.Helper()
	if got := b.phases(name); got != phases {
		b.t.Errorf("%s is %q, want %q", name, got, phases)
	}
}

// lease takes the next task as a runner; nil when there is none.
func (b *bench) lease(labels ...string) *job {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	cancel()
	state, err := b.tasks.Lease(ctx, runner.Claim{Runner: "r1", Labels: append(labels, "default"), Docker: true})
	if err != nil {
		return nil
	}
	b.took[state.ID]++
	j := &job{b: b, state: state}
	if err := json.Unmarshal(state.Payload, &j.step); err != nil {
		b.t.Fatal(err)
	}
	b.Settle()
	return j
}

// next takes the next task, which must be of the step.
func (b *bench) next(step string) *job {
	b.t.Helper()
	j := b.lease()
	if j == nil {
		b.t.Fatalf("no task where one of step %s is expected", step)
	}
	if j.step.Name != step {
		b.t.Fatalf("a task of step %s where one of step %s is expected", j.step.Name, step)
	}
	return j
}

func (b *bench) idle() {
	b.t.Helper()
	if j := b.lease(); j != nil {
		b.t.Fatalf("a task of step %s where none is expected", j.step.Name)
	}
}

// job is a leased task.
type job struct {
	b     *bench
	state runner.TaskState
	step  runner.Step
}

func (j *job) finish(r runner.Result) {
	j.b.t.Helper()
	if r.Finished.IsZero() {
		r.Started, r.Finished = j.state.LeasedAt, time.Now()
	}
	raw, err := json.Marshal(r)
	if err != nil {
		j.b.t.Fatal(err)
	}
	if err := j.b.tasks.Finish(j.b.t.Context(), j.state.ID, j.state.Token, raw); err != nil {
		j.b.t.Fatal(err)
	}
	j.b.Settle()
}

func (j *job) succeed() { j.b.t.Helper(); j.finish(runner.Result{Conclusion: runner.Success}) }

func (j *job) fail(code int) {
	j.b.t.Helper()
	j.finish(runner.Result{Conclusion: runner.Failure, Reason: "ExitCode", Message: fmt.Sprintf("exit code %d", code), ExitCode: &code})
}

// toCancel reports whether the runner is told to stop.
func (j *job) toCancel() bool {
	j.b.t.Helper()
	state, err := j.b.tasks.Renew(j.b.t.Context(), j.state.ID, j.state.Token, 0)
	if err != nil {
		j.b.t.Fatal(err)
	}
	return state.Cancelled
}

// custom is a pipeline of custom steps, each "name" or "name: extra fields".
func custom(steps ...string) string {
	var b strings.Builder
	b.WriteString("steps:\n")
	for _, s := range steps {
		name, extra, _ := strings.Cut(s, ":")
		fmt.Fprintf(&b, "- {name: %s, type: custom, with: {run: 'true'}", name)
		if extra != "" {
			b.WriteString(", " + extra)
		}
		b.WriteString("}\n")
	}
	return b.String()
}
