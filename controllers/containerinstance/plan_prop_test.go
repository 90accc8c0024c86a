package containerinstance

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/docker"
)

// model is the simplest world that plan can act on.
type model struct {
	status     v1.ContainerInstanceStatus
	containers map[string]docker.Container
	now        time.Time
	made       int
}

// observe tells only what carries our uid, as the engine does.
func (m *model) observe() observed {
	o := observed{status: m.status}
	for _, id := range slices.Sorted(maps.Keys(m.containers)) {
		if c := m.containers[id]; c.Labels[v1.LabelUID] == "ours" {
			o.containers = append(o.containers, c)
		}
	}
	return o
}

// apply does one op, to the engine and to the record.
func (m *model) apply(t *rapid.T, d desired, o op) {
	c, there := m.containers[o.id]
	if there && c.Labels[v1.LabelUID] != "ours" {
		t.Fatalf("%s touches a container of somebody else", o.do)
	}
	switch o.do {
	case opCreate:
		m.made++
		id := fmt.Sprint("new", m.made)
		m.containers[id] = docker.Container{ID: id, State: docker.Created, Labels: map[string]string{
			v1.LabelUID: "ours", labelExecution: m.status.ExecutionID,
			labelAttempt: strconv.Itoa(max(1, m.status.Attempts)), v1.LabelSpecHash: m.status.SpecHash,
		}}
	case opConnect:
		c.Networks = append(c.Networks, o.network)
		m.containers[o.id] = c
	case opStart:
		c.State, c.Started = docker.Running, m.now
		m.containers[o.id] = c
	case opStop:
		c.State, c.Finished, c.ExitCode = docker.Exited, m.now, 143
		m.containers[o.id] = c
	case opRemove:
		delete(m.containers, o.id)
	}
	before := m.status.Phase
	if err := record(&m.status, d, o, m.now); err != nil {
		t.Fatal(err)
	}
	if ended(before) && m.status.Phase != before && o.do != opBegin {
		t.Fatalf("the end %q became %q", before, m.status.Phase)
	}
}

func (m *model) running() (n int) {
	for _, c := range m.containers {
		if c.Labels[v1.LabelUID] == "ours" && c.State == docker.Running {
			n++
		}
	}
	return n
}

// settle applies plans until none is left; that must take few steps.
func (m *model) settle(t *rapid.T, d desired) {
	most := max(1, m.running())
	for range 20 {
		ops := plan(d, m.observe(), m.now)
		if len(ops) == 0 {
			return
		}
		for _, o := range ops {
			m.apply(t, d, o)
			if n := m.running(); n > most {
				t.Fatalf("%d containers run", n)
			}
		}
	}
	t.Fatalf("still busy after 20 plans: %+v", m.observe())
}

var anyState = rapid.SampledFrom([]docker.State{docker.Created, docker.Running, docker.Paused, docker.Exited, docker.Dead, docker.Restarting})

func anyDesired(t *rapid.T) desired {
	return desired{
		hash:     rapid.SampledFrom([]string{"h", "i"}).Draw(t, "hash"),
		service:  rapid.Bool().Draw(t, "service"),
		cancel:   rapid.Bool().Draw(t, "cancel"),
		gone:     rapid.IntRange(0, 9).Draw(t, "gone") == 0,
		mayPlace: rapid.IntRange(0, 3).Draw(t, "mayPlace") > 0,
		timeout:  rapid.SampledFrom([]time.Duration{time.Second, time.Hour}).Draw(t, "timeout"),
		retries:  rapid.IntRange(0, 3).Draw(t, "retries"),
		restart:  rapid.SampledFrom([]string{v1.RestartAlways, v1.RestartOnFailure, v1.RestartNever}).Draw(t, "restart"),
		networks: rapid.SampledFrom([][]string{nil, {"a", "b"}}).Draw(t, "networks"),
	}
}

func anyContainer(t *rapid.T, i int, now time.Time) docker.Container {
	c := docker.Container{
		ID: fmt.Sprint("old", i), State: anyState.Draw(t, "state"), ExitCode: rapid.IntRange(0, 1).Draw(t, "code"),
		Started: now.Add(-time.Hour), Finished: now.Add(-time.Minute),
		Labels: map[string]string{
			v1.LabelUID:      rapid.SampledFrom([]string{"ours", "ours", "theirs"}).Draw(t, "uid"),
			labelExecution:   strconv.Itoa(rapid.IntRange(1, 3).Draw(t, "execution")),
			labelAttempt:     strconv.Itoa(rapid.IntRange(1, 2).Draw(t, "attempt")),
			v1.LabelSpecHash: rapid.SampledFrom([]string{"h", "i"}).Draw(t, "labelled hash"),
		},
	}
	if c.State == docker.Created {
		c.Started = time.Time{}
	}
	return c
}

// disturb is what the rest of the world does: time, people, crashing programs, owners.
func (m *model) disturb(t *rapid.T, d desired) desired {
	switch rapid.SampledFrom([]string{"time", "harm", "spec"}).Draw(t, "disturbance") {
	case "time":
		m.now = m.now.Add(time.Duration(rapid.IntRange(1, 7200).Draw(t, "seconds")) * time.Second)
	case "spec":
		service := d.service
		d = anyDesired(t)
		d.service = service
	case "harm":
		for _, id := range slices.Sorted(maps.Keys(m.containers)) {
			c := m.containers[id]
			switch rapid.SampledFrom([]string{"nothing", "remove", "end"}).Draw(t, "harm") {
			case "remove":
				delete(m.containers, id)
			case "end":
				if c.State == docker.Running {
					c.State, c.Finished, c.ExitCode = docker.Exited, m.now, rapid.IntRange(0, 1).Draw(t, "code")
					m.containers[id] = c
				}
			}
		}
	}
	return d
}

// Whatever is there at first, and whatever happens on the way: plans come to an
// end, never touch what is not ours, never run two containers, only make allowed
// moves, and leave what was wished.
func TestPlanSettlesEveryWorld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{containers: map[string]docker.Container{}, now: noon}
		d := anyDesired(t)
		for i := range rapid.IntRange(0, 4).Draw(t, "containers") {
			c := anyContainer(t, i, m.now)
			m.containers[c.ID] = c
		}
		theirs := m.theirs()
		for range rapid.IntRange(1, 8).Draw(t, "rounds") {
			m.settle(t, d)
			m.check(t, d)
			for _, id := range theirs {
				if _, there := m.containers[id]; !there {
					t.Fatalf("%s of somebody else is gone", id)
				}
			}
			d = m.disturb(t, d)
			theirs = m.theirs()
		}
	})
}

func (m *model) theirs() (ids []string) {
	for id, c := range m.containers {
		if c.Labels[v1.LabelUID] == "theirs" {
			ids = append(ids, id)
		}
	}
	return ids
}

// check says what a settled world must look like.
func (m *model) check(t *rapid.T, d desired) {
	o := m.observe()
	phase, due := m.status.Phase, wake(d, o)
	switch {
	case d.gone || ended(phase):
		if len(o.containers) > 0 {
			t.Fatalf("phase %q, and %d containers are left", phase, len(o.containers))
		}
	case d.cancel:
		t.Fatalf("cancelled, and still %q", phase)
	case len(o.containers) > 1:
		t.Fatalf("%d containers", len(o.containers))
	case d.mayPlace && m.status.SpecHash != d.hash:
		t.Fatal("the new spec was not taken up")
	case d.mayPlace && m.status.RetryAt == nil && !slices.ContainsFunc(o.containers, func(c docker.Container) bool { return !c.Ended() && c.State != docker.Created }):
		t.Fatalf("phase %q, and nothing runs", phase)
	case m.status.RetryAt != nil && d.mayPlace && !due.After(m.now):
		t.Fatalf("a pause that is over at %v is not acted on at %v", due, m.now)
	}
}
