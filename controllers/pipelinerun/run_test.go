package pipelinerun

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api/runner"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/reconcile/reconciletest"
)

func TestStepsRunOneAfterTheOther(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", custom("a", "b"))
		b.run("p", "r")
		b.want("r", "running: a=queued b=pending")
		if got := b.Ready(v1.PipelineRun, "default/r"); got != "False WaitingForRunner: waiting for a runner with the labels [default] to take step a" {
			t.Error(got)
		}
		a := b.next("a")
		b.want("r", "running: a=running b=pending")
		b.idle()
		a.finish(runner.Result{Conclusion: runner.Success, Outputs: map[string]string{"x": "1"}, Workspace: &runner.Blob{SHA256: "aa", Size: 7}})
		second := b.next("b")
		if w := second.step.Workspace; w == nil || w.SHA256 != "aa" || !a.step.SaveWorkspace || second.step.SaveWorkspace {
			t.Errorf("workspace %+v, saved %v then %v", w, a.step.SaveWorkspace, second.step.SaveWorkspace)
		}
		if !strings.Contains(string(second.step.Context), `"a":{"conclusion":"success","outcome":"success","outputs":{"x":"1"},"result":"success"}`) {
			t.Errorf("context %s", second.step.Context)
		}
		if second.state.Prefer != "r1" {
			t.Errorf("prefers %q", second.state.Prefer)
		}
		second.succeed()
		b.want("r", "success: a=success b=success")
		st := b.status("r")
		if st.Number != 1 || st.Progress != "2/2" || st.Reason != "Succeeded" || st.Finished == nil {
			t.Errorf("%+v", st)
		}
		if c := b.Condition(v1.PipelineRun, "default/r", Succeeded); c.Status != metav1.ConditionTrue {
			t.Errorf("%+v", c)
		}
		b.Advance(time.Second)
		if tasks, _ := b.tasks.Of(t.Context(), string(b.Object(v1.PipelineRun, "default/r").UID)); len(tasks) > 0 {
			t.Errorf("%d tasks are left after the end", len(tasks))
		}
		b.NoWrites(func() { b.Advance(10 * time.Hour) })
	})
}

func TestAFailedStepEndsTheRunButWhatAlwaysRuns(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", custom("a", "b", "onfail: if: failure()", "cleanup: always: true", "ok: if: 'steps.cleanup.result == ''success'''"))
		b.run("p", "r")
		b.next("a").fail(3)
		b.next("onfail").succeed()
		b.next("cleanup").succeed()
		b.want("r", "failure: a=failure b=skipped onfail=success cleanup=success ok=skipped")
		st := b.status("r")
		if st.Reason != "StepFailed" || st.Message != "step a failed: exit code 3" || *st.Steps[0].ExitCode != 3 || st.Steps[1].Reason != "EarlierStepFailed" {
			t.Errorf("%s %s %+v", st.Reason, st.Message, st.Steps)
		}
	})
}

func TestAStepThatMayFailDoesNotFailTheRun(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", custom("a: continueOnError: true", "b: if: \"steps.a.result == 'failure' && steps.a.conclusion == 'success'\""))
		b.run("p", "r")
		b.next("a").fail(1)
		b.next("b").succeed()
		b.want("r", "success: a=failure b=success")
	})
}

func TestNeedsMakeAGraph(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", custom("a", "b: needs: []", "c: needs: [a, b]"))
		b.run("p", "r")
		first, second := b.next("a"), b.next("b")
		b.idle()
		second.succeed()
		b.idle()
		first.succeed()
		b.next("c").succeed()
		b.want("r", "success: a=success b=success c=success")
	})
}

func TestAStepIsTriedAgainWithADoublingPause(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", custom("a: retries: {limit: 2, backoffSeconds: 10, reasons: [ExitCode]}"))
		b.run("p", "r")
		b.next("a").fail(1)
		if got := b.Ready(v1.PipelineRun, "default/r"); got != "False Retrying: waiting for step a to be tried again" {
			t.Error(got)
		}
		b.Advance(9 * time.Second)
		b.idle()
		b.Advance(2 * time.Second)
		b.next("a").fail(1)
		b.Advance(18 * time.Second)
		b.idle()
		b.Advance(3 * time.Second)
		last := b.next("a")
		if last.step.Attempt != 3 {
			t.Errorf("attempt %d", last.step.Attempt)
		}
		last.fail(1)
		b.want("r", "failure: a=failure")
		if n := b.status("r").Steps[0].Attempts; n != 3 {
			t.Errorf("%d attempts", n)
		}
	})
}

func TestAReasonThatIsNotNamedIsNotTriedAgain(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", custom("a: retries: {limit: 2, reasons: [TimedOut]}"))
		b.run("p", "r")
		b.next("a").fail(1)
		b.want("r", "failure: a=failure")
	})
}

func TestCancelStopsWhatRunsAndLetsCleanUp(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", custom("a", "b", "cleanup: if: always()"))
		b.run("p", "r")
		a := b.next("a")
		if a.toCancel() {
			t.Error("told to stop before the cancel")
		}
		b.cancelRun("r")
		if !a.toCancel() {
			t.Error("not told to stop")
		}
		a.finish(runner.Result{Conclusion: runner.Cancelled})
		cleanup := b.next("cleanup")
		if cleanup.toCancel() {
			t.Error("the step that always runs is told to stop")
		}
		cleanup.succeed()
		b.want("r", "cancelled: a=cancelled b=cancelled cleanup=success")
	})
}

func TestACancelledRunThatNobodyServesEnds(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", custom("a", "cleanup: always: true, timeoutMinutes: 5"))
		b.run("p", "r")
		b.cancelRun("r")
		b.want("r", "running: a=cancelled cleanup=queued")
		b.Advance(6 * time.Minute)
		b.want("r", "cancelled: a=cancelled cleanup=cancelled")
	})
}

func TestARunHasALimit(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", "timeoutMinutes: 2\n"+custom("a", "cleanup: always: true"))
		b.run("p", "r")
		b.Advance(2*time.Minute - 2*time.Second)
		b.want("r", "running: a=queued cleanup=pending")
		b.Advance(2 * time.Second)
		b.next("cleanup").succeed()
		b.want("r", "failure: a=cancelled cleanup=success")
		if st := b.status("r"); st.Reason != "TimedOut" || st.Message != "it did not end within timeoutMinutes: 2" {
			t.Errorf("%s: %s", st.Reason, st.Message)
		}
	})
}

func TestOutputsAreBounded(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", custom("a: retries: {limit: 0}"))
		b.run("p", "r")
		b.next("a").finish(runner.Result{Conclusion: runner.Success, Outputs: map[string]string{"big": strings.Repeat("x", largestOutput+1)}})
		b.want("r", "failure: a=failure")
		st := b.status("r")
		if s := st.Steps[0]; s.Reason != "OutputsTooLarge" || len(s.Outputs) > 0 || !strings.Contains(st.Message, "output big has 65537 bytes") {
			t.Errorf("%+v %s", s, st.Message)
		}
	})
}

func TestAStepWaitsForItsSecretAndNoOther(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", `
secretRefs:
- {name: TOKEN, secretKeyRef: {name: creds, key: token}}
- {name: OTHER, secretKeyRef: {name: none, key: none}}
steps:
- {name: a, type: custom, with: {run: "true"}}
- {name: b, type: custom, env: [{name: T, value: "${{ secrets.TOKEN }}"}], with: {run: "true"}}
`)
		b.run("p", "r")
		a := b.next("a")
		if len(a.step.SecretRefs) != 0 {
			t.Errorf("step a gets %+v", a.step.SecretRefs)
		}
		a.succeed()
		b.idle()
		if got := b.Ready(v1.PipelineRun, "default/r"); got != `False MissingSecret: waiting for key "token" of Secret default/creds, which step b needs` {
			t.Error(got)
		}
		secret := reconciletest.Object(v1.Secret, "default/creds", nil)
		secret.Rest = map[string]json.RawMessage{"data": json.RawMessage(`{"token":"c2VjcmV0"}`)}
		b.Apply(secret)
		j := b.next("b")
		if len(j.step.SecretRefs) != 1 || j.step.SecretRefs[0].As != "TOKEN" || strings.Contains(string(j.state.Payload), "c2VjcmV0") {
			t.Errorf("%s", j.state.Payload)
		}
		j.succeed()
		b.want("r", "success: a=success b=success")
	})
}

func TestDeleteLeavesNothing(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", custom("a"))
		b.run("p", "r")
		j := b.next("a")
		uid := j.step.RunUID
		if _, err := b.logs.Append(t.Context(), runner.LogStream(uid, "a", 1), 0, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		sha, _, err := b.blobs.Put(t.Context(), uid, strings.NewReader("content"))
		if err != nil {
			t.Fatal(err)
		}
		b.Delete(v1.PipelineRun, "default/r")
		if b.Exists(v1.PipelineRun, "default/r") {
			t.Error("the run is still there")
		}
		if _, err := b.tasks.Renew(t.Context(), j.state.ID, j.state.Token, 0); err == nil {
			t.Error("the runner still holds its task")
		}
		if data, _, _ := b.logs.Read(t.Context(), runner.LogStream(uid, "a", 1), 0, 100, 0); len(data) > 0 {
			t.Error("the log is still there")
		}
		if _, _, err := b.blobs.Open(t.Context(), uid, sha); err == nil {
			t.Error("the blob is still there")
		}
	})
}

// A value that looks like an expression stays a value: what the runner evaluates
// is what the owner of the pipeline wrote.
func TestAValueIsNotEvaluated(t *testing.T) {
	inBench(t, func(b *bench) {
		b.pipeline("p", `
repository: {url: "https://x:${{ secrets.TOKEN }}@git.example.com/r", ref: "${{ inputs.ref }}"}
triggers: {manual: {inputs: {ref: {}}}}
secretRefs: [{name: TOKEN, secretKeyRef: {name: creds, key: token, optional: true}}]
steps: [{name: c, type: checkout}, {name: a, type: custom, image: "i:${{ inputs.ref }}", with: {run: "true"}}]
`)
		b.run("p", "r", `ref="${{ secrets.TOKEN }}"`)
		c := b.next("c")
		if r := c.step.Repository; r == nil || r.Ref != "${{ inputs.ref }}" || r.URL != "https://x:${{ secrets.TOKEN }}@git.example.com/r" {
			t.Errorf("%+v", r)
		}
		if len(c.step.SecretRefs) != 1 {
			t.Errorf("the checkout gets %+v", c.step.SecretRefs)
		}
		c.succeed()
		a := b.next("a")
		if a.step.Image != "i:${{ secrets.TOKEN }}" || len(a.step.SecretRefs) != 0 {
			t.Errorf("image %s, secrets %+v", a.step.Image, a.step.SecretRefs)
		}
	})
}
