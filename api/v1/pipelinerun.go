package v1

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
)

// PipelineRunSpec is one run of a pipeline. Only Cancel may change after creation.
type PipelineRunSpec struct {
	PipelineRef LocalRef                   `json:"pipelineRef"`
	Inputs      map[string]json.RawMessage `json:"inputs,omitempty"`
	Trigger     RunTrigger                 `json:"trigger,omitempty"`
	Cancel      bool                       `json:"cancel"`
	// Pipeline is the pipeline's spec as it was when the run was created; the
	// server fills it in, and the run executes nothing else.
	Pipeline *PinnedPipeline `json:"pipeline,omitempty"`
}

// PinnedPipeline is a pipeline's spec at a generation.
type PinnedPipeline struct {
	UID        string       `json:"uid"`
	Generation int64        `json:"generation"`
	Spec       PipelineSpec `json:"spec"`
}

// RunTrigger says what started the run.
type RunTrigger struct {
	Type  string          `json:"type,omitempty"` // manual (default), schedule
	Actor string          `json:"actor,omitempty"`
	Event json.RawMessage `json:"event,omitempty"` // what the trigger knows: for a schedule its cron line and time
}

// The phases of a run.
const (
	RunPending   = "pending"
	RunQueued    = "queued"
	RunRunning   = "running"
	RunSuccess   = "success"
	RunFailure   = "failure"
	RunCancelled = "cancelled"
)

// LabelPipeline, on a PipelineRun, is the name of its pipeline.
const LabelPipeline = "powernode.io/pipeline"

// The phases of a step, beside those it shares with a run.
const (
	StepSkipped = "skipped"
)

// PipelineRunStatus is how far a run has come.
type PipelineRunStatus struct {
	api.CommonStatus `json:",inline"`
	Phase            string `json:"phase,omitempty"`
	// Reason is the CamelCase word for why the run is ending or has ended: Succeeded, StepFailed, Cancelled, TimedOut, Forbidden, Replaced, InvalidGroup.
	Reason    string        `json:"reason,omitempty"`
	Number    int           `json:"number,omitempty"` // counts the pipeline's runs from 1
	Started   *metav1.Time  `json:"started,omitempty"`
	Finished  *metav1.Time  `json:"finished,omitempty"`
	Progress  string        `json:"progress,omitempty"` // ended/all steps: 2/5
	Message   string        `json:"message,omitempty"`
	Group     string        `json:"group,omitempty"` // the concurrency group's value
	Steps     []StepStatus  `json:"steps,omitempty"`
	Artifacts []RunArtifact `json:"artifacts,omitempty"`
	// Workspace is the latest snapshot of the workspace that the steps share.
	Workspace *RunBlob `json:"workspace,omitempty"`
}

// StepStatus is how far a step has come.
type StepStatus struct {
	Name     string            `json:"name"`
	Type     string            `json:"type"`
	Phase    string            `json:"phase"` // pending, queued, running, success, failure, skipped, cancelled
	Attempts int               `json:"attempts,omitempty"`
	Runner   string            `json:"runner,omitempty"`
	Started  *metav1.Time      `json:"started,omitempty"`
	Finished *metav1.Time      `json:"finished,omitempty"`
	ExitCode *int              `json:"exitCode,omitempty"`
	Reason   string            `json:"reason,omitempty"`
	Message  string            `json:"message,omitempty"`
	Outputs  map[string]string `json:"outputs,omitempty"`
	// RetryAt is when the next attempt of a failed step is due.
	RetryAt *metav1.Time `json:"retryAt,omitempty"`
}

// RunArtifact is an archive (tar.gz) that a step left behind.
type RunArtifact struct {
	Name   string `json:"name"`
	Step   string `json:"step"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"` // bytes
	Files  int    `json:"files"`
}

// RunBlob names a content by its digest.
type RunBlob struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"` // bytes
}
