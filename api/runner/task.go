package runner

import (
	"encoding/json"
	"time"

	"github.com/powernode/powernode/api"
)

// LeaseTime is how long a runner may be silent before its task is handed to
// another; a runner renews three times in it.
const LeaseTime = 30 * time.Second

// Task is one piece of work. Payload is the runner's affair and holds no secret:
// Secrets name what the server resolves when it hands the task over.
type Task struct {
	ID       string  // unique for ever: <run uid>.<step>.<attempt>
	Owner    api.Key // the object that the task is a part of
	OwnerUID string
	Labels   []string // a runner needs all of them
	Docker   bool     // the runner needs a Docker engine
	// Prefer names the runner that should have the task while it is alive; another
	// gets it once that one has not been heard of for LeaseTime.
	Prefer  string
	Payload json.RawMessage
}

// Claim is a runner asking for work.
type Claim struct {
	Runner string // its name, stable over restarts
	Labels []string
	Docker bool
}

// TaskPhase is the state of a task.
type TaskPhase string

// The phases of a task.
const (
	TaskOffered  TaskPhase = "offered"
	TaskLeased   TaskPhase = "leased"
	TaskFinished TaskPhase = "finished"
)

// TaskState is a task and where it stands.
type TaskState struct {
	Task
	Phase     TaskPhase
	Runner    string // who holds it, or finished it
	Token     string // of the present lease; only for the holder
	Leases    int    // how often it was leased
	Cancelled bool   // its end was asked for
	OfferedAt time.Time
	LeasedAt  time.Time // of the latest lease
	EndedAt   time.Time
	Result    json.RawMessage // nil for a task that was cancelled before a runner had it
}
