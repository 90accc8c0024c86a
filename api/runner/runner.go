// Package runner is the protocol between the server and the runners that execute
// steps: the documents that cross the wire, and their paths.
//
// A runner needs nothing but HTTP: it asks for a step (long poll), sends its
// output as it comes, renews its lease while it works, and reports the result
// once. The lease's token, sent in TokenHeader, fences a runner that was thought dead.
//
//	POST /runner/v1/lease                 LeaseRequest → 200 Assignment, 204 nothing to do
//	POST /runner/v1/tasks/ID/renew        RenewRequest → 200 Renewal; 404, 409: the lease is lost
//	POST /runner/v1/tasks/ID/log?offset=N raw bytes    → 200 LogEnd; 409 LogEnd: go on from there
//	POST /runner/v1/tasks/ID/result       Result       → 200; again with the same token: 200
//	POST /runner/v1/tasks/ID/blobs        raw bytes    → 201 Blob
//	GET  /runner/v1/tasks/ID/blobs/SHA256              → 200 raw bytes
package runner

import (
	"encoding/json"
	"strconv"
	"time"
)

// TokenHeader carries the lease's token on every call about a task.
const TokenHeader = "Powernode-Lease"

// LeaseRequest asks for a step.
type LeaseRequest struct {
	Runner      string   `json:"runner"` // stable over restarts of the runner
	Labels      []string `json:"labels"`
	Docker      bool     `json:"docker"`      // has a Docker engine for steps with an image
	WaitSeconds int      `json:"waitSeconds"` // 0..60
}

// Assignment is a leased step with all that is needed to execute it.
type Assignment struct {
	ID    string `json:"id"`
	Token string `json:"token"`
	// LeaseSeconds is how long the server waits for a renewal.
	LeaseSeconds int  `json:"leaseSeconds"`
	Step         Step `json:"step"`
	// Secrets are the values of the step's secret references, by the name that the
	// secrets context knows them by; those that don't come from a ConfigMap are masked in logs and outputs.
	Secrets map[string]string `json:"secrets,omitempty"`
}

// Step is a step of a run as the controller hands it out: the payload of a
// task. Strings may hold ${{ }}; the runner evaluates them, as only it has the
// workspace (hashFiles) and the secrets. It holds no secret value.
type Step struct {
	Namespace string `json:"namespace"`
	Run       string `json:"run"`    // name of the PipelineRun
	RunUID    string `json:"runUID"` // names the workspace, which all steps of a run share
	Name      string `json:"name"`
	Type      string `json:"type"` // checkout, run_tests, custom, upload_artifact, download_artifact
	Attempt   int    `json:"attempt"`
	// With is the step's configuration, by the schema of its type.
	With json.RawMessage `json:"with,omitempty"`
	// Env is the pipeline's env overlaid by the step's, in order.
	Env []EnvVar `json:"env,omitempty"`
	// Image, when set, is the container image that the step runs in.
	Image          string `json:"image,omitempty"`
	TimeoutSeconds int    `json:"timeoutSeconds"`
	// Repository is the pipeline's own, what checkout takes when With names none.
	Repository *Repository `json:"repository,omitempty"`
	// Context holds the expression contexts but secrets and env: inputs, steps,
	// trigger, features, pipeline, run.
	Context json.RawMessage `json:"context"`
	// SecretRefs name the secrets that the step mentions.
	SecretRefs []SecretRef `json:"secretRefs,omitempty"`
	// Artifacts that earlier steps of the run have uploaded.
	Artifacts []Artifact `json:"artifacts,omitempty"`
	// Workspace is the latest snapshot of the run's workspace; nil at the start.
	Workspace *Blob `json:"workspace,omitempty"`
	// SaveWorkspace asks for a snapshot after the step, since others follow.
	SaveWorkspace bool `json:"saveWorkspace,omitempty"`
}

// EnvVar is one variable; Value may hold ${{ }}. Secret, when set, names the
// entry of Assignment.Secrets that is the value instead.
type EnvVar struct {
	Name   string `json:"name"`
	Value  string `json:"value,omitempty"`
	Secret string `json:"secret,omitempty"`
}

// SecretRef says where the value of a name of the secrets context lies:
// a v1 Secret (or ConfigMap) of the run's namespace.
type SecretRef struct {
	As       string `json:"as"`             // the key in Assignment.Secrets
	Kind     string `json:"kind,omitempty"` // Secret (the default) or ConfigMap
	Name     string `json:"name"`
	Key      string `json:"key"`
	Optional bool   `json:"optional,omitempty"`
}

// Repository is a git repository to check out.
type Repository struct {
	URL string `json:"url"`
	Ref string `json:"ref,omitempty"`
}

// RenewRequest extends a lease. The answer comes after WaitSeconds, or at once
// when the step is to be cancelled.
type RenewRequest struct {
	WaitSeconds int `json:"waitSeconds"`
}

// Renewal answers RenewRequest.
type Renewal struct {
	Cancel bool `json:"cancel"`
}

// LogEnd tells where the log of the attempt ends now.
type LogEnd struct {
	Offset int64 `json:"offset"`
}

// Conclusion is how a step ended.
type Conclusion string

// The conclusions of a step.
const (
	Success   Conclusion = "success"
	Failure   Conclusion = "failure"
	Cancelled Conclusion = "cancelled"
)

// Result is a runner's report of a finished step.
type Result struct {
	Conclusion Conclusion `json:"conclusion"`
	// Reason is a CamelCase word for a failure: ExitCode, TimedOut, InvalidStep,
	// NoSuchPath, CloneFailed, ImagePull, WorkspaceLost, ...
	Reason   string            `json:"reason,omitempty"`
	Message  string            `json:"message,omitempty"` // for people; secrets masked
	ExitCode *int              `json:"exitCode,omitempty"`
	Started  time.Time         `json:"started"`
	Finished time.Time         `json:"finished"`
	Outputs  map[string]string `json:"outputs,omitempty"` // secrets masked
	// Artifacts that the step uploaded.
	Artifacts []Artifact `json:"artifacts,omitempty"`
	// Workspace is the snapshot taken after the step, when it was asked for. Without
	// a digest it was too large to be kept: only this runner can go on with it.
	Workspace *Blob `json:"workspace,omitempty"`
}

// Artifact is a named archive (tar.gz) that a step left behind.
type Artifact struct {
	Name string `json:"name"`
	Step string `json:"step,omitempty"`
	Blob
	Files int `json:"files"`
}

// Blob names a content by its digest.
type Blob struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// TaskID names the attempt of a step for ever.
func TaskID(runUID, step string, attempt int) string {
	return runUID + "." + step + "." + strconv.Itoa(attempt)
}

// LogStream is the name of the log of an attempt of a step.
func LogStream(runUID, step string, attempt int) string {
	return "run/" + runUID + "/" + step + "/" + strconv.Itoa(attempt)
}

// LogPrefix is what the names of all log streams of a run start with.
func LogPrefix(runUID string) string { return "run/" + runUID + "/" }
