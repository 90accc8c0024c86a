package containerinstance

import (
	"fmt"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
)

// What is kept, and how pauses grow.
const (
	keepExecutions = 10
	shortRun       = time.Minute
	firstPause     = 5 * time.Second
	mostPause      = 5 * time.Minute
	firstRetry     = 10 * time.Second
	mostRetry      = 6 * time.Minute
)

// record notes in the status what an op means for it. Ops that only change the engine mean nothing to it.
func record(s *v1.ContainerInstanceStatus, d desired, o op, now time.Time) error {
	switch o.do {
	case opBegin:
		return begin(s, d, now)
	case opProvision:
		s.Provisioning = stamp(now)
		return move(s, v1.InstanceProvisioning)
	case opRunning:
		return running(s, o, now)
	case opTimedOut:
		s.Reason = reasonTimedOut
	case opPause:
		pause(s, o, now)
	case opRetry:
		delay := min(firstRetry<<min(s.Attempts-1, 10), mostRetry)
		s.RetryAt, s.Attempts = stamp(now.Add(delay)), s.Attempts+1
		s.Reason, s.Message = o.reason, ""
	case opFinish:
		s.Reason, s.Message, s.ExitCode, s.RetryAt = o.reason, o.message, o.exitCode, nil
		s.Finished = stamp(now)
		if !o.at.IsZero() {
			s.Finished = stamp(o.at)
		}
		return move(s, o.phase)
	}
	return nil
}

func move(s *v1.ContainerInstanceStatus, to string) error {
	if !mayMove(s.Phase, to) {
		return fmt.Errorf("execution %s can't go from phase %q to %q", s.ExecutionID, s.Phase, to)
	}
	s.Phase = to
	return nil
}

// begin starts a new execution; the present one goes into the list of earlier ones.
func begin(s *v1.ContainerInstanceStatus, d desired, now time.Time) error {
	number := 1
	if s.ExecutionID != "" {
		if !ended(s.Phase) {
			s.Reason, s.Message, s.Finished = reasonSuperseded, "the spec changed", stamp(now)
			if err := move(s, v1.InstanceCancelled); err != nil {
				return err
			}
		}
		n, err := strconv.Atoi(s.ExecutionID)
		if err != nil {
			return fmt.Errorf("status.executionId %q is not a number", s.ExecutionID)
		}
		number = n + 1
		s.Executions = append([]v1.Execution{s.Execution}, s.Executions...)
		s.Executions = s.Executions[:min(len(s.Executions), keepExecutions)]
	}
	*s = v1.ContainerInstanceStatus{
		CommonStatus: s.CommonStatus, Node: s.Node, Executions: s.Executions,
		Execution: v1.Execution{ExecutionID: strconv.Itoa(number), SpecHash: d.hash},
		Queued:    stamp(now),
	}
	if !d.service {
		s.Attempts = 1
	}
	return move(s, v1.InstancePending)
}

// running notes a container that runs: for the first time, or again after a pause.
func running(s *v1.ContainerInstanceStatus, o op, now time.Time) error {
	if s.ContainerID != o.id {
		s.ContainerID, s.Image = o.id, ""
	}
	if s.RetryAt != nil {
		s.RetryAt, s.Reason, s.Message = nil, "", ""
		s.RestartedAt = stamp(now)
		if s.Attempts == 0 {
			s.Restarts++
		}
	}
	if s.Phase == v1.InstanceRunning {
		return nil
	}
	s.Started = stamp(o.at)
	return move(s, v1.InstanceRunning)
}

// pause sets when a Service's container is started again: at once after a good
// run and after the first short one, then after 5 s, doubled each time up to 5 minutes.
func pause(s *v1.ContainerInstanceStatus, o op, now time.Time) {
	if o.at.IsZero() {
		o.at = now
	}
	began := s.Started
	if s.RestartedAt != nil {
		began = s.RestartedAt
	}
	if o.at.Sub(timeOf(began)) < shortRun {
		s.ShortRuns++
	} else {
		s.ShortRuns = 0
	}
	delay := time.Duration(0)
	if s.ShortRuns > 1 {
		delay = min(firstPause<<min(s.ShortRuns-2, 10), mostPause)
	}
	s.RetryAt, s.Reason = stamp(o.at.Add(delay)), o.reason
}

// stamp is a time as a status holds it: in whole seconds, rounded down.
func stamp(t time.Time) *metav1.Time {
	at := metav1.NewTime(t.UTC().Truncate(time.Second))
	return &at
}

func timeOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

// readyMessage is what the owner was told last.
func readyMessage(s v1.ContainerInstanceStatus) string {
	if c := meta.FindStatusCondition(s.Conditions, api.Ready); c != nil && c.Status != metav1.ConditionTrue {
		return c.Message
	}
	return ""
}
