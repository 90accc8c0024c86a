package pipelinerun

import (
	"fmt"
	"time"

	"github.com/powernode/powernode/api/expression"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/flow"
)

// sibling is another run of the same pipeline, as far as it matters for whose turn it is.
type sibling struct {
	name    string
	created time.Time
	number  int
	phase   string
	group   string
	policy  string
	cancel  bool
}

func (s sibling) ended() bool { return flow.Ended(s.phase) }

// The policies of concurrency; Queue is the default.
const (
	policyAllow   = "Allow"
	policyForbid  = "Forbid"
	policyReplace = "Replace"
)

// Why a run is ending, beside how its steps went.
const (
	reasonCancelled    = "Cancelled"
	reasonTimedOut     = "TimedOut"
	reasonForbidden    = "Forbidden"
	reasonReplaced     = "Replaced"
	reasonInvalidGroup = "InvalidGroup"
	reasonSucceeded    = "Succeeded"
	reasonStepFailed   = "StepFailed"
)

// number gives the run its number, one more than the highest ever given; last
// is what the pipeline remembers. Runs are numbered in the order of their creation:
// there is none yet, and 0 is given, while an older one has none.
func (o *observation) number(last int) int {
	for _, s := range o.siblings {
		last = max(last, s.number)
		if s.number == 0 && !s.ended() && older(s, o) {
			return 0
		}
	}
	return last + 1
}

func older(s sibling, o *observation) bool {
	if !s.created.Equal(o.created) {
		return s.created.Before(o.created)
	}
	return s.name < o.key.Name
}

// group evaluates the concurrency group.
func (o *observation) group() (string, error) {
	source := o.pipeline().Concurrency.Group
	t, err := expression.Parse(source)
	if err != nil {
		return "", err
	}
	return t.Text(expression.Scope{Contexts: o.contexts(&o.status)})
}

// blocker is the run that this one has to wait for: the last unended run of
// its group that came before it. nil when it is this one's turn. (It is not the first, which the whole
// queue would have to be told of each time that a run ends.)
func (o *observation) blocker() *sibling {
	if o.pipeline().Concurrency.Policy == policyAllow {
		return nil
	}
	var next *sibling
	for i, s := range o.siblings {
		ahead := s.number > 0 && s.number < o.status.Number && s.group == o.status.Group && !s.ended()
		if ahead && (next == nil || s.number > next.number) {
			next = &o.siblings[i]
		}
	}
	return next
}

// replacement is a later run of the group whose policy is to take the place of this one.
func (o *observation) replacement() *sibling {
	for i, s := range o.siblings {
		later := s.number > o.status.Number && s.group == o.status.Group && !s.ended() && !s.cancel
		if later && s.policy == policyReplace {
			return &o.siblings[i]
		}
	}
	return nil
}

// stopping decides whether the run has to end before its steps have: why, in a word and in a sentence.
func (o *observation) stopping() (reason, message string) {
	limit := runTimeout(o.pipeline())
	switch {
	case o.spec.Cancel:
		return reasonCancelled, "it was cancelled"
	case o.status.Number > 0 && o.replacement() != nil:
		return reasonReplaced, fmt.Sprintf("run %s took its place", o.replacement().name)
	case o.status.Started != nil && !o.now.Before(o.status.Started.Add(limit)):
		return reasonTimedOut, fmt.Sprintf("it did not end within timeoutMinutes: %d", int(limit/time.Minute))
	}
	return "", ""
}

func runTimeout(p *v1.PipelineSpec) time.Duration {
	if p.TimeoutMinutes > 0 {
		return time.Duration(p.TimeoutMinutes) * time.Minute
	}
	return time.Hour
}

// stepTimeout is a step's limit in minutes.
func stepTimeout(s v1.Step) int {
	if s.TimeoutMinutes > 0 {
		return s.TimeoutMinutes
	}
	return 10
}
