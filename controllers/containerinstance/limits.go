package containerinstance

import (
	"fmt"
	"time"

	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/docker"
)

// The limits of waiting, and the pause before a Service that gave up tries again.
const (
	pendingLimit      = 15 * time.Minute
	provisioningLimit = 10 * time.Minute
	serviceRetry      = 5 * time.Minute
)

// limit is when an execution that does not run is given up, and in which words.
func limit(o observed) (at time.Time, reason, words string) {
	if o.status.Phase == v1.InstancePending {
		at, reason, words = timeOf(o.status.Queued).Add(pendingLimit), reasonPendingTimeout, "no host took it within 15 minutes"
	} else {
		at, reason, words = timeOf(o.status.Provisioning).Add(provisioningLimit), reasonProvisioningTimeout, "not running after 10 minutes"
	}
	if ready := readyMessage(o.status); ready != "" {
		words += ": " + ready
	}
	return at, reason, words
}

// overdue reports whether a Job has used up its time at the given moment.
func (o observed) overdue(d desired, at time.Time) bool {
	return !d.service && (o.status.Reason == reasonTimedOut || !at.Before(deadline(d, o.status)))
}

// deadline is when a Job's time is over. Started is a whole second, rounded down.
func deadline(d desired, s v1.ContainerInstanceStatus) time.Time {
	return timeOf(s.Started).Add(d.timeout + time.Second)
}

func timeoutWords(d desired) string {
	return fmt.Sprintf("not finished after spec.timeoutSeconds (%.0f)", d.timeout.Seconds())
}

func whyEnded(c *docker.Container) (reason, words string) {
	if c.OOMKilled {
		return reasonOOM, "the container used more memory than spec.resources gives it"
	}
	if c.Error != "" {
		return reasonExitCode, fmt.Sprintf("the container ended with exit code %d: %s", c.ExitCode, c.Error)
	}
	return reasonExitCode, fmt.Sprintf("the container ended with exit code %d", c.ExitCode)
}

// retryService says when a Service that never came up is tried again.
func retryService(d desired, o observed) (time.Time, bool) {
	gaveUp := o.status.Reason == reasonPendingTimeout || o.status.Reason == reasonProvisioningTimeout
	if !d.service || d.cancel || !gaveUp || o.status.Finished == nil {
		return time.Time{}, false
	}
	return o.status.Finished.Add(serviceRetry), true
}
