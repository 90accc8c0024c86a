package pipelinerun

import (
	"github.com/powernode/powernode/api/expression"
	v1 "github.com/powernode/powernode/api/v1"
)

// wanted decides whether a step runs, now that what it needs has ended.
func (p *planner) wanted(i int) (bool, error) { return p.holds(i, p.statusFor(i)) }

// survives reports whether a step runs, or goes on, though the run is ending:
// it is one of those that always run, or its condition says so.
func (p *planner) survives(i int) bool {
	holds, err := p.holds(i, expression.Cancelled)
	return holds && err == nil
}

func (p *planner) holds(i int, status expression.Status) (bool, error) {
	step := p.steps()[i]
	condition, err := expression.ParseCondition(step.If)
	if err != nil {
		return false, err
	}
	scope := expression.Scope{Contexts: p.contexts(p.st()), Status: status}
	scope.Contexts["env"] = p.environment(step, scope)
	if step.Always {
		return condition.Asserts(scope)
	}
	return condition.Holds(scope)
}

// statusFor is what success(), failure() and cancelled() tell a step: about the
// run, and the steps before it in the graph.
func (p *planner) statusFor(i int) expression.Status {
	if p.st().Reason != "" {
		return expression.Cancelled
	}
	for _, j := range p.before[i] {
		switch conclusion(p.steps()[j], p.st().Steps[j]) {
		case v1.RunFailure, v1.RunCancelled:
			return expression.Failure
		}
	}
	return expression.Success
}

func (p *planner) whySkipped(i int) string {
	if p.statusFor(i) != expression.Success {
		return "EarlierStepFailed"
	}
	return "Condition"
}
