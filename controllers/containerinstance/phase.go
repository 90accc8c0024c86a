package containerinstance

import (
	"slices"

	v1 "github.com/powernode/powernode/api/v1"
)

// moves lists, for every phase of an execution, those that may follow. What has
// no entry is an end.
var moves = map[string][]string{
	"":                      {v1.InstancePending},
	v1.InstancePending:      {v1.InstanceProvisioning, v1.InstanceFailed, v1.InstanceCancelled},
	v1.InstanceProvisioning: {v1.InstanceRunning, v1.InstanceFailed, v1.InstanceCancelled},
	v1.InstanceRunning:      {v1.InstanceCompleted, v1.InstanceFailed, v1.InstanceCancelled, v1.InstanceTimeout},
}

func mayMove(from, to string) bool { return slices.Contains(moves[from], to) }

// ended reports whether an execution is over.
func ended(phase string) bool { return len(moves[phase]) == 0 }

// The reasons of an end, and of a wait.
const (
	reasonExitCode            = "ExitCode"
	reasonOOM                 = "OutOfMemory"
	reasonRemoved             = "ContainerRemoved"
	reasonTimedOut            = "TimedOut"
	reasonCancelled           = "Cancelled"
	reasonSuperseded          = "Superseded"
	reasonPendingTimeout      = "PendingTimeout"
	reasonProvisioningTimeout = "ProvisioningTimeout"
	reasonCompleted           = "Completed"
)
