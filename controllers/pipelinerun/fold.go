package pipelinerun

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api/runner"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/flow"
)

// What a run keeps of its steps' outputs, as they live in its status.
const (
	largestOutput  = 64 << 10 // bytes of one value
	largestOutputs = 1 << 20  // bytes of all values of a run
	longestMessage = 4 << 10
)

// fold brings the steps up to what their tasks say. A step that has ended stays
// as it is. Those that ended since are taken in the order in which they did, so
// that the last one's workspace counts.
func (r run) fold(status *v1.PipelineRunStatus, tasks []runner.TaskState) {
	byID := map[string]runner.TaskState{}
	for _, t := range tasks {
		byID[t.ID] = t
	}
	type latest struct {
		step int
		task runner.TaskState
	}
	var found []latest
	for i := range status.Steps {
		s := &status.Steps[i]
		if flow.Ended(s.Phase) {
			continue
		}
		for {
			if _, offered := byID[runner.TaskID(r.uid, s.Name, s.Attempts+1)]; !offered {
				break
			}
			s.Attempts++
		}
		if t, is := byID[runner.TaskID(r.uid, s.Name, s.Attempts)]; is {
			found = append(found, latest{i, t})
		}
	}
	slices.SortStableFunc(found, func(a, b latest) int { return a.task.EndedAt.Compare(b.task.EndedAt) })
	for _, f := range found {
		r.foldTask(status, f.step, f.task)
	}
}

func (r run) foldTask(status *v1.PipelineRunStatus, i int, t runner.TaskState) {
	s := &status.Steps[i]
	*s = v1.StepStatus{Name: s.Name, Type: s.Type, Attempts: s.Attempts}
	switch t.Phase {
	case runner.TaskOffered:
		s.Phase = v1.RunQueued
		if t.Leases > 0 {
			s.Reason, s.Message = "RunnerLost", "its runner was not heard of any more; it waits for another"
		}
	case runner.TaskLeased:
		s.Phase, s.Runner, s.Started = v1.RunRunning, t.Runner, timeOf(t.LeasedAt)
	case runner.TaskFinished:
		r.foldResult(status, i, t)
	}
}

func (r run) foldResult(status *v1.PipelineRunStatus, i int, t runner.TaskState) {
	s, step := &status.Steps[i], r.steps()[i]
	result := resultOf(t)
	s.Runner, s.Started, s.Finished = t.Runner, timeOf(result.Started), timeOf(result.Finished)
	if s.Finished == nil {
		s.Finished = timeOf(t.EndedAt)
	}
	s.ExitCode, s.Reason, s.Message = result.ExitCode, clip(result.Reason, 64), clip(result.Message, longestMessage)
	switch result.Conclusion {
	case runner.Success:
		s.Phase = v1.RunSuccess
	case runner.Cancelled:
		s.Phase = v1.RunCancelled
	default:
		s.Phase = v1.RunFailure
	}
	if why := tooLarge(status, result.Outputs); why != "" {
		s.Phase, s.Reason, s.Message, result.Outputs = v1.RunFailure, "OutputsTooLarge", why, nil
	}
	if s.Phase == v1.RunFailure && retries(step, s) {
		s.Phase = v1.RunPending
		s.RetryAt = timeOf(t.EndedAt.Add(backoff(step, s.Attempts) + time.Second - 1)) // the next full second
		return
	}
	s.Outputs = result.Outputs
	for _, a := range result.Artifacts {
		keepArtifact(status, v1.RunArtifact{Name: a.Name, Step: s.Name, SHA256: a.SHA256, Size: a.Size, Files: a.Files})
	}
	if w := result.Workspace; w != nil {
		status.Workspace = &v1.RunBlob{SHA256: w.SHA256, Size: w.Size}
	}
}

func resultOf(t runner.TaskState) runner.Result {
	if len(t.Result) == 0 {
		return runner.Result{Conclusion: runner.Cancelled}
	}
	var result runner.Result
	if err := json.Unmarshal(t.Result, &result); err != nil {
		return runner.Result{Conclusion: runner.Failure, Reason: "InvalidResult", Message: "the runner's report can't be read: " + err.Error()}
	}
	return result
}

// tooLarge is why outputs can't be kept, or empty.
func tooLarge(status *v1.PipelineRunStatus, outputs map[string]string) string {
	total := 0
	for _, s := range status.Steps {
		for _, value := range s.Outputs {
			total += len(value)
		}
	}
	for _, name := range sortedKeys(outputs) {
		if n := len(outputs[name]); n > largestOutput {
			return fmt.Sprintf("output %s has %d bytes; an output has at most %d: use an artifact", name, n, largestOutput)
		}
		total += len(outputs[name])
	}
	if total > largestOutputs {
		return fmt.Sprintf("the outputs of the run's steps have %d bytes together; a run has at most %d: use an artifact", total, largestOutputs)
	}
	return ""
}

// keepArtifact adds an artifact; a later one of the same name takes its place.
func keepArtifact(status *v1.PipelineRunStatus, a v1.RunArtifact) {
	for i := range status.Artifacts {
		if status.Artifacts[i].Name == a.Name {
			status.Artifacts[i] = a
			return
		}
	}
	status.Artifacts = append(status.Artifacts, a)
}

// retries reports whether a failed step is tried again.
func retries(step v1.Step, s *v1.StepStatus) bool {
	if step.Retries == nil || s.Attempts > step.Retries.Limit {
		return false
	}
	return len(step.Retries.Reasons) == 0 || slices.Contains(step.Retries.Reasons, s.Reason)
}

const longestBackoff = 10 * time.Minute

// backoff is the pause after the given attempt: the step's own, doubled with each.
func backoff(step v1.Step, attempt int) time.Duration {
	seconds := step.Retries.BackoffSeconds
	if seconds == 0 {
		seconds = 5
	}
	pause := time.Duration(seconds) * time.Second
	for range attempt - 1 {
		if pause *= 2; pause >= longestBackoff {
			break
		}
	}
	return min(pause, longestBackoff)
}

func timeOf(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	return &metav1.Time{Time: t.UTC().Truncate(time.Second)}
}
