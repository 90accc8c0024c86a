package v1

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
)

// PipelineSpec is what should run, when, and how runs get along with each other.
type PipelineSpec struct {
	Type        string          `json:"type,omitempty"` // review, implement, security, deploy, custom
	Description string          `json:"description,omitempty"`
	Repository  *Repository     `json:"repository,omitempty"`
	Triggers    Triggers        `json:"triggers,omitempty"`
	Env         []EnvVar        `json:"env,omitempty"`
	SecretRefs  []SecretRef     `json:"secretRefs,omitempty"` // what the secrets context offers
	Features    map[string]bool `json:"features,omitempty"`
	// RunnerLabels that a runner must have; ["default"] when empty.
	RunnerLabels   []string    `json:"runnerLabels,omitempty"`
	TimeoutMinutes int         `json:"timeoutMinutes,omitempty"` // 60, 1..360
	Concurrency    Concurrency `json:"concurrency,omitempty"`
	Suspended      bool        `json:"suspended,omitempty"`
	HistoryLimit   *int        `json:"historyLimit,omitempty"` // 50: ended runs that are kept
	Steps          []Step      `json:"steps"`
}

// Repository is a git repository in place; URL is anything that git clones.
type Repository struct {
	URL string `json:"url"`
	Ref string `json:"ref,omitempty"` // branch, tag or commit; the remote's HEAD when empty
}

// SecretRef offers one key of a Secret as secrets.NAME.
type SecretRef struct {
	Name         string `json:"name"`
	SecretKeyRef KeyRef `json:"secretKeyRef"`
}

// Triggers say what starts a run.
type Triggers struct {
	Manual   *ManualTrigger    `json:"manual,omitempty"`
	Schedule []ScheduleTrigger `json:"schedule,omitempty"`
}

// ManualTrigger declares the inputs of a run that a person starts. A pipeline can always be run by hand; without this it takes no inputs.
type ManualTrigger struct {
	Inputs map[string]Input `json:"inputs,omitempty"`
}

// Input is one declared input.
type Input struct {
	Type        string          `json:"type,omitempty"` // string, number, boolean, choice
	Description string          `json:"description,omitempty"`
	Options     []string        `json:"options,omitempty"` // of a choice
	Default     json.RawMessage `json:"default,omitempty"`
	Required    bool            `json:"required,omitempty"`
	Pattern     string          `json:"pattern,omitempty"` // RE2, of a string
}

// ScheduleTrigger starts a run by the clock.
type ScheduleTrigger struct {
	Cron     string                     `json:"cron"`               // five fields, or @daily and its like
	Timezone string                     `json:"timezone,omitempty"` // IANA name; UTC when empty
	Missed   string                     `json:"missed,omitempty"`   // Skip (default) or RunOnce: times that passed while no server ran
	Inputs   map[string]json.RawMessage `json:"inputs,omitempty"`
}

// Concurrency says how runs of one pipeline get along. Group, an expression, splits them; runs of different groups ignore each other.
type Concurrency struct {
	Policy string `json:"policy,omitempty"` // Queue (default), Allow, Forbid, Replace
	Group  string `json:"group,omitempty"`
}

// Step is one step. Without Needs it follows the step before it.
type Step struct {
	Name            string          `json:"name"`
	Type            string          `json:"type"`
	With            json.RawMessage `json:"with,omitempty"` // by the schema of its type
	If              string          `json:"if,omitempty"`
	Needs           *[]string       `json:"needs,omitempty"`   // an empty list needs nothing: the step starts with the run
	Outputs         []string        `json:"outputs,omitempty"` // declared; anything else is refused at use
	Env             []EnvVar        `json:"env,omitempty"`
	Image           string          `json:"image,omitempty"`
	RunnerLabels    []string        `json:"runnerLabels,omitempty"` // the pipeline's when empty
	ContinueOnError bool            `json:"continueOnError,omitempty"`
	TimeoutMinutes  int             `json:"timeoutMinutes,omitempty"` // 10, 1..360
	Retries         *Retries        `json:"retries,omitempty"`
	Always          bool            `json:"always,omitempty"` // runs whatever happened before
}

// Retries says when a failed step is tried again.
type Retries struct {
	Limit          int      `json:"limit,omitempty"`          // 0..10 tries after the first
	BackoffSeconds int      `json:"backoffSeconds,omitempty"` // before the first retry, doubled for each, at most 10 minutes; default 5
	Reasons        []string `json:"reasons,omitempty"`        // ExitCode, TimedOut, ...; any when empty
}

// PipelineStatus tells how the pipeline's runs are doing.
type PipelineStatus struct {
	api.CommonStatus `json:",inline"`
	Phase            string       `json:"phase,omitempty"` // Active, Suspended
	ActiveRuns       int          `json:"activeRuns,omitempty"`
	LastNumber       int          `json:"lastNumber,omitempty"` // the highest number that a run ever had; none is given twice
	LastRun          *RunSummary  `json:"lastRun,omitempty"`
	LastScheduleTime *metav1.Time `json:"lastScheduleTime,omitempty"` // the latest time by the clock that was acted on or skipped
	NextScheduleTime *metav1.Time `json:"nextScheduleTime,omitempty"`
}

// RunSummary is a run in a line.
type RunSummary struct {
	Name     string       `json:"name"`
	Number   int          `json:"number,omitempty"`
	Phase    string       `json:"phase,omitempty"`
	Finished *metav1.Time `json:"finished,omitempty"`
}
