package pipelinerun

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api/runner"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/flow"
)

// observation is all that a decision rests on.
type observation struct {
	run
	created    time.Time
	status     v1.PipelineRunStatus // as it was left
	tasks      []runner.TaskState
	siblings   []sibling
	lastNumber int            // the highest that the pipeline remembers
	missing    map[int]string // steps whose secrets are not there, and which
	now        time.Time
}

// decision is what to do now, and what the status says then.
type decision struct {
	status v1.PipelineRunStatus
	offers []int    // steps whose present attempt becomes a task
	cancel []string // tasks to end
	// waiting says for what, reason in a word; both empty when the run has ended.
	waiting, reason string
	after           time.Duration // when to look again, if nothing happens; 0 is never
}

// planner is a plan in the making.
type planner struct {
	observation
	decision
	needs, before [][]int
}

// plan decides the next steps of a run. It has no I/O: applied over and over,
// with what the world makes of it, it ends every run.
func plan(o observation) decision {
	p := &planner{observation: o, needs: flow.Needs(o.steps()), before: flow.Before(o.steps())}
	p.decision.status = *clone(&o.status)
	p.begin()
	p.fold(p.st(), o.tasks)
	switch {
	case !p.take():
	case !p.finish():
		p.advance()
		if !p.finish() {
			p.describe()
		}
	}
	p.st().Progress = progress(p.st().Steps)
	return p.decision
}

func (p *planner) st() *v1.PipelineRunStatus { return &p.decision.status }

// begin lists the steps of a new run.
func (p *planner) begin() {
	st := p.st()
	if st.Phase == "" {
		st.Phase = v1.RunPending
	}
	for i := len(st.Steps); i < len(p.steps()); i++ {
		st.Steps = append(st.Steps, v1.StepStatus{Name: p.steps()[i].Name, Type: p.steps()[i].Type, Phase: v1.RunPending})
	}
}

// take numbers the run and waits for its turn; false when there is nothing more to do in this pass.
func (p *planner) take() bool {
	st := p.st()
	if st.Number == 0 {
		n := p.number(p.lastNumber)
		if n == 0 {
			p.wait("Queued", "older runs of the pipeline to be numbered")
			return false
		}
		st.Number = n
		p.observation.status.Number = n
		group, err := p.group()
		if err != nil {
			return p.endEarly(reasonInvalidGroup, "spec.concurrency.group of the pipeline: "+err.Error())
		}
		st.Group = group
		p.observation.status.Group = group
	}
	if st.Started == nil && len(p.tasks) > 0 { // it began in a pass that did not live to tell
		st.Phase, st.Started = v1.RunRunning, timeOf(p.tasks[0].OfferedAt)
		p.observation.status.Started = st.Started
	}
	if st.Started != nil {
		return true
	}
	if reason, message := p.stopping(); reason != "" {
		return p.endEarly(reason, message)
	}
	if b := p.blocker(); b != nil {
		if p.pipeline().Concurrency.Policy == policyForbid {
			return p.endEarly(reasonForbidden, fmt.Sprintf("run %s had not ended, and the pipeline's concurrency policy is Forbid", b.name))
		}
		st.Phase = v1.RunQueued
		p.wait("Queued", fmt.Sprintf("run %s to end, which is ahead of it", b.name))
		return false
	}
	st.Phase, st.Started = v1.RunRunning, timeOf(p.now)
	return true
}

// endEarly ends a run that never began: no step runs, whatever it says.
func (p *planner) endEarly(reason, message string) bool {
	st := p.st()
	st.Reason, st.Message = reason, message
	for i := range st.Steps {
		st.Steps[i].Phase = v1.RunCancelled
	}
	p.finish()
	return false
}

// advance stops what has to stop, and offers, skips and retries what is due.
func (p *planner) advance() {
	st := p.st()
	if st.Reason == "" {
		st.Reason, st.Message = p.stopping()
	}
	if st.Reason == "" {
		p.lookAt(st.Started.Add(runTimeout(p.pipeline())))
	}
	for moved := true; moved; {
		moved = false
		for i := range st.Steps {
			before := st.Steps[i].Phase
			p.step(i)
			moved = moved || st.Steps[i].Phase != before
		}
	}
	if st.Reason != "" {
		p.stopTasks()
	}
}

// step decides about one step that no runner has.
func (p *planner) step(i int) {
	s := &p.st().Steps[i]
	switch {
	case s.Phase != v1.RunPending:
		p.offerAgain(i)
	case s.Attempts > 0:
		p.retry(i)
	case p.ready(i):
		p.start(i)
	}
}

// offerAgain makes good for a task that the queue does not have though it was offered.
func (p *planner) offerAgain(i int) {
	s := p.st().Steps[i]
	if flow.Ended(s.Phase) || slices.Contains(p.offers, i) {
		return
	}
	id := runner.TaskID(p.uid, s.Name, s.Attempts)
	if !slices.ContainsFunc(p.tasks, func(t runner.TaskState) bool { return t.ID == id }) {
		p.offers = append(p.offers, i)
	}
}

func (p *planner) ready(i int) bool {
	return !slices.ContainsFunc(p.needs[i], func(j int) bool { return !flow.Ended(p.st().Steps[j].Phase) })
}

// start offers a step whose turn it is, or ends it without running: skipped by
// its condition, or cancelled with the run.
func (p *planner) start(i int) {
	s := &p.st().Steps[i]
	runs, err := p.wanted(i)
	switch {
	case err != nil:
		s.Phase, s.Reason, s.Message = v1.RunFailure, "InvalidCondition", clip("if: "+err.Error(), longestMessage)
	case runs && p.passed(i):
		s.Phase, s.Reason = v1.StepSkipped, "Condition"
	case !runs && p.st().Reason != "":
		s.Phase = v1.RunCancelled
	case !runs:
		s.Phase, s.Reason = v1.StepSkipped, p.whySkipped(i)
	case p.missing[i] == "":
		s.Attempts = 1
		p.offer(i)
	case p.st().Reason != "": // nobody waits for a secret to end a run
		s.Phase, s.Reason, s.Message = v1.RunCancelled, "MissingSecret", p.missing[i]+" is missing"
	}
}

// passed reports whether a step that comes after this one was offered before: in a
// pass that did not live to tell, this one was skipped, and stays so whatever its
// condition has come to say since.
func (p *planner) passed(i int) bool {
	for j, before := range p.before {
		if slices.Contains(before, i) && p.st().Steps[j].Attempts > 0 {
			return true
		}
	}
	return false
}

func (p *planner) offer(i int) {
	s := &p.st().Steps[i]
	*s = v1.StepStatus{Name: s.Name, Type: s.Type, Attempts: s.Attempts, Phase: v1.RunQueued}
	p.offers = append(p.offers, i)
}

func (p *planner) retry(i int) {
	s := &p.st().Steps[i]
	switch {
	case p.st().Reason != "" && !p.survives(i):
		s.Phase, s.RetryAt = v1.RunCancelled, nil
	case p.now.Before(s.RetryAt.Time):
		p.lookAt(s.RetryAt.Time)
	default:
		s.Attempts++
		p.offer(i)
	}
}

// stopTasks ends the tasks of steps that don't outlast the end of the run, and
// those that nobody took within their own time.
func (p *planner) stopTasks() {
	for _, t := range p.tasks {
		i := slices.IndexFunc(p.st().Steps, func(s v1.StepStatus) bool { return runner.TaskID(p.uid, s.Name, s.Attempts) == t.ID })
		if i < 0 || t.Phase == runner.TaskFinished || t.Cancelled {
			continue
		}
		limit := t.OfferedAt.Add(time.Duration(stepTimeout(p.steps()[i])) * time.Minute)
		unwanted := t.Phase == runner.TaskOffered && !p.now.Before(limit)
		if unwanted || !p.survives(i) {
			p.cancel = append(p.cancel, t.ID)
		} else if t.Phase == runner.TaskOffered {
			p.lookAt(limit)
		}
	}
}

// lookAt asks for another pass at that time.
func (p *planner) lookAt(at time.Time) {
	if in := max(at.Sub(p.now), time.Millisecond); p.after == 0 || in < p.after {
		p.after = in
	}
}

func (p *planner) wait(reason, what string) { p.reason, p.waiting = reason, "waiting for "+what }

// describe says what the run waits for.
func (p *planner) describe() {
	var running, queued, retrying []string
	for i, s := range p.st().Steps {
		switch {
		case s.Phase == v1.RunRunning:
			running = append(running, s.Name)
		case s.Phase == v1.RunQueued:
			queued = append(queued, s.Name)
		case s.Phase == v1.RunPending && s.Attempts > 0:
			retrying = append(retrying, s.Name)
		case s.Phase == v1.RunPending && p.missing[i] != "" && p.ready(i) && len(running)+len(queued) == 0:
			p.wait("MissingSecret", fmt.Sprintf("%s, which step %s needs", p.missing[i], s.Name))
			return
		}
	}
	switch {
	case len(running) > 0:
		p.wait("Running", "step "+strings.Join(running, ", ")+" to end")
	case len(queued) > 0:
		labels := p.labels(p.steps()[flow.Index(p.steps(), queued[0])])
		p.wait("WaitingForRunner", fmt.Sprintf("a runner with the labels [%s] to take step %s", strings.Join(labels, ", "), strings.Join(queued, ", ")))
	default:
		p.wait("Retrying", "step "+strings.Join(retrying, ", ")+" to be tried again")
	}
}

func progress(steps []v1.StepStatus) string {
	n := 0
	for _, s := range steps {
		if flow.Ended(s.Phase) {
			n++
		}
	}
	return fmt.Sprintf("%d/%d", n, len(steps))
}

func clone(s *v1.PipelineRunStatus) *v1.PipelineRunStatus {
	c := *s
	c.Steps = slices.Clone(s.Steps)
	c.Artifacts = slices.Clone(s.Artifacts)
	c.Conditions = append([]metav1.Condition(nil), s.Conditions...)
	return &c
}
