package containerinstance

import (
	"time"

	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/docker"
)

// doing is what an op does. Those of the first group change the engine, those
// of the second only the record.
type doing string

const (
	opImage   doing = "make sure of the image"
	opCreate  doing = "create"
	opConnect doing = "connect"
	opStart   doing = "start"
	opStop    doing = "stop"
	opRemove  doing = "remove"
	opKeepLog doing = "keep the log" // of no container: say that it is lost

	opBegin     doing = "begin an execution"
	opProvision doing = "provision"
	opRunning   doing = "note that it runs"
	opTimedOut  doing = "note that it timed out"
	opPause     doing = "pause before a restart"
	opRetry     doing = "pause before the next attempt"
	opFinish    doing = "finish the execution"
)

// op is one step of a plan.
type op struct {
	do      doing
	id      string // the container
	network string
	at      time.Time // when it happened, by the engine's clock

	phase, reason, message string // of opFinish, opPause, opRetry
	exitCode               *int
}

func finish(phase, reason, message string, c *docker.Container) op {
	o := op{do: opFinish, phase: phase, reason: reason, message: message}
	if c != nil && c.Ended() {
		o.at, o.exitCode = c.Finished, &c.ExitCode
	}
	return o
}

// mustBeStored reports whether the record has to be stored before the engine is
// changed again: a new execution or attempt before its container is made, so that no container is of an
// unknown one; an end before the container that tells of it goes away.
func (o op) mustBeStored() bool {
	return o.do == opBegin || o.do == opRetry || o.do == opFinish
}

// wake is when time alone changes what plan says; the zero time is never.
func wake(d desired, o observed) time.Time {
	s := o.status
	switch {
	case ended(s.Phase):
		at, _ := retryService(d, o)
		return at
	case s.Phase == v1.InstancePending || s.Phase == v1.InstanceProvisioning:
		at, _, _ := limit(o)
		return at
	}
	var at time.Time
	if !d.service && s.Started != nil {
		at = deadline(d, s)
	}
	if s.RetryAt != nil && (at.IsZero() || s.RetryAt.Time.Before(at)) {
		at = s.RetryAt.Time
	}
	return at
}
