package containerinstance

import (
	"slices"
	"strconv"
	"time"

	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/docker"
)

// desired is what the owner wants, as far as plan needs to know.
type desired struct {
	hash     string // of what a container is made of
	service  bool
	cancel   bool
	gone     bool // the object is being deleted
	mayPlace bool // the host takes new work
	timeout  time.Duration
	retries  int
	restart  string
	networks []string
}

// observed is what there is: the record of earlier passes, and the engine's
// containers that carry the object's uid.
type observed struct {
	status     v1.ContainerInstanceStatus
	containers []docker.Container
	blind      bool // the engine did not answer: containers is not known
}

// plan says what to do next; nothing when the world is as it should be, or only
// time or somebody else can change it. It may say only the first part: what
// follows is planned from what is then observed.
func plan(d desired, o observed, now time.Time) []op {
	switch {
	case d.gone:
		return clear(o.containers)
	case o.status.Phase == "":
		return []op{{do: opBegin}}
	case o.blind:
		return unseen(d, o, now)
	}
	current, strays := o.sort()
	switch {
	case len(strays) > 0:
		return clear(strays)
	case d.cancel && !ended(o.status.Phase):
		return cancel(current)
	case d.hash != o.status.SpecHash && !d.cancel && d.mayPlace:
		return supersede(current)
	case ended(o.status.Phase):
		return afterEnd(d, o, current, now)
	case o.status.Phase == v1.InstanceRunning:
		return keep(d, o, current, now)
	}
	return bringUp(d, o, current, now)
}

// unseen is what can be decided without knowing the containers: what waits for
// a host has none, unless a pass was cut short, and then they are cleared once the host is back.
func unseen(d desired, o observed, now time.Time) []op {
	renew := d.hash != o.status.SpecHash && !d.cancel
	at, reason, words := limit(o)
	switch {
	case renew && (ended(o.status.Phase) || o.status.Phase == v1.InstancePending):
		return []op{{do: opBegin}}
	case o.status.Phase != v1.InstancePending:
		return nil
	case d.cancel:
		return cancel(nil)
	case !now.Before(at):
		return []op{finish(v1.InstanceFailed, reason, words, nil)}
	}
	return nil
}

// sort finds the container of the present execution and attempt, and the others.
func (o observed) sort() (current *docker.Container, strays []docker.Container) {
	for i, c := range o.containers {
		belongs := c.Labels[labelExecution] == o.status.ExecutionID && c.Labels[labelAttempt] == strconv.Itoa(max(1, o.status.Attempts)) &&
			c.Labels[v1.LabelSpecHash] == o.status.SpecHash
		if belongs && current == nil && c.State != docker.Dead && c.State != docker.Removing {
			current = &o.containers[i]
		} else {
			strays = append(strays, c)
		}
	}
	return current, strays
}

// clear stops and removes containers that should not be.
func clear(containers []docker.Container) []op {
	var ops []op
	for _, c := range containers {
		if c.State == docker.Running || c.State == docker.Paused {
			ops = append(ops, op{do: opStop, id: c.ID})
		}
		ops = append(ops, op{do: opRemove, id: c.ID})
	}
	return ops
}

// supersede ends the present execution for one by the new spec. The image is
// made sure of first: where it is missing, what runs goes on.
func supersede(current *docker.Container) []op {
	if current == nil {
		return []op{{do: opBegin}}
	}
	ops := []op{{do: opImage}}
	if current.State != docker.Created {
		ops = append(ops, op{do: opStop, id: current.ID}, op{do: opKeepLog, id: current.ID})
	}
	return append(ops, op{do: opBegin})
}

// afterEnd clears up, and lets a Service that waited too long try again.
func afterEnd(d desired, o observed, current *docker.Container, now time.Time) []op {
	if current != nil {
		return clear([]docker.Container{*current})
	}
	if at, ok := retryService(d, o); ok && d.mayPlace && !now.Before(at) {
		return []op{{do: opBegin}}
	}
	return nil
}

func cancel(current *docker.Container) []op {
	switch {
	case current == nil:
		return []op{{do: opKeepLog}, finish(v1.InstanceCancelled, reasonCancelled, "cancelled by spec.cancel", nil)}
	case current.State == docker.Running || current.State == docker.Paused:
		return []op{{do: opStop, id: current.ID}}
	}
	return []op{{do: opKeepLog, id: current.ID}, finish(v1.InstanceCancelled, reasonCancelled, "cancelled by spec.cancel", current)}
}

// bringUp leads from pending to running, or gives up.
func bringUp(d desired, o observed, current *docker.Container, now time.Time) []op {
	switch {
	case current != nil && o.status.Phase == v1.InstancePending: // made by a pass that was cut short
		return []op{{do: opProvision}}
	case current != nil && current.State != docker.Created:
		return []op{{do: opRunning, id: current.ID, at: current.Started}}
	}
	if at, reason, words := limit(o); !now.Before(at) {
		ops := []op{}
		if current != nil {
			ops = append(ops, op{do: opRemove, id: current.ID})
		}
		return append(ops, finish(v1.InstanceFailed, reason, words, nil))
	}
	switch {
	case !d.mayPlace:
		return nil
	case o.status.Phase == v1.InstancePending:
		return []op{{do: opProvision}}
	}
	return launch(d, current)
}

// launch makes and starts the container.
func launch(d desired, current *docker.Container) []op {
	if current == nil {
		return []op{{do: opImage}, {do: opCreate}}
	}
	var ops []op
	for _, network := range d.networks {
		if !slices.Contains(current.Networks, network) {
			ops = append(ops, op{do: opConnect, id: current.ID, network: network})
		}
	}
	return append(ops, op{do: opStart, id: current.ID})
}

// keep is about an execution that has begun to run.
func keep(d desired, o observed, current *docker.Container, now time.Time) []op {
	switch {
	case current != nil && current.State == docker.Created:
		return placed(d, o, launch(d, current))
	case current != nil && !current.Ended():
		return whileUp(d, o, current, now)
	case o.status.RetryAt != nil && (d.service || current == nil):
		return again(d, o, current, now)
	case d.service:
		return serviceDown(d, current)
	}
	return jobDown(d, o, current, now)
}

// whileUp is about a container that runs.
func whileUp(d desired, o observed, current *docker.Container, now time.Time) []op {
	switch {
	case o.overdue(d, now):
		return []op{{do: opTimedOut}, {do: opStop, id: current.ID}}
	case o.status.ContainerID != current.ID || o.status.RetryAt != nil:
		return []op{{do: opRunning, id: current.ID, at: current.Started}}
	}
	return nil
}

// placed lets work begin only where the host takes it. A start that was waited
// for is noted at once: the container may have ended by the next look.
func placed(d desired, o observed, ops []op) []op {
	if !d.mayPlace {
		return nil
	}
	if last := ops[len(ops)-1]; last.do == opStart && o.status.RetryAt != nil {
		ops = append(ops, op{do: opRunning, id: last.id})
	}
	return ops
}

// again starts a container whose pause is over.
func again(d desired, o observed, current *docker.Container, now time.Time) []op {
	switch {
	case o.overdue(d, now):
		return []op{{do: opKeepLog}, finish(v1.InstanceTimeout, reasonTimedOut, timeoutWords(d), nil)}
	case now.Before(o.status.RetryAt.Time):
		return nil
	case current == nil:
		return placed(d, o, launch(d, nil))
	}
	return placed(d, o, []op{{do: opStart, id: current.ID}})
}

// serviceDown is about a Service whose container has ended or was removed.
func serviceDown(d desired, current *docker.Container) []op {
	if current == nil {
		return []op{{do: opPause, reason: reasonRemoved}}
	}
	reason, words := whyEnded(current)
	switch {
	case d.restart != v1.RestartAlways && current.ExitCode == 0:
		return []op{{do: opKeepLog, id: current.ID}, finish(v1.InstanceCompleted, reasonCompleted, "", current)}
	case d.restart == v1.RestartNever:
		return []op{{do: opKeepLog, id: current.ID}, finish(v1.InstanceFailed, reason, words, current)}
	}
	return []op{{do: opPause, reason: reason, at: current.Finished}}
}

// jobDown is about an attempt of a Job that has ended or whose container was removed.
func jobDown(d desired, o observed, current *docker.Container, now time.Time) []op {
	reason, words, id := reasonRemoved, "the container was removed by somebody else before it ended", ""
	if current != nil {
		reason, words = whyEnded(current)
		id, now = current.ID, current.Finished
	}
	keepLog := op{do: opKeepLog, id: id}
	switch {
	case o.overdue(d, now):
		return []op{keepLog, finish(v1.InstanceTimeout, reasonTimedOut, timeoutWords(d), current)}
	case current != nil && current.ExitCode == 0:
		return []op{keepLog, finish(v1.InstanceCompleted, reasonCompleted, "", current)}
	case o.status.Attempts <= d.retries:
		return []op{keepLog, {do: opRetry, reason: reason}}
	}
	return []op{keepLog, finish(v1.InstanceFailed, reason, words, current)}
}
