package pipelinerun

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/flow"
)

// finish ends the run when all its steps have, and reports whether it did.
func (p *planner) finish() bool {
	st := p.st()
	var failed []string
	for i, s := range st.Steps {
		if !flow.Ended(s.Phase) {
			return false
		}
		switch conclusion(p.steps()[i], s) {
		case v1.RunFailure, v1.RunCancelled:
			failed = append(failed, s.Name)
		}
	}
	switch {
	case st.Reason != "":
	case len(failed) > 0:
		st.Reason, st.Message = reasonStepFailed, failure(st, failed)
	default:
		st.Reason = reasonSucceeded
	}
	st.Phase, st.Finished = endPhase(st.Reason), timeOf(p.now)
	p.waiting, p.decision.reason, p.after = "", "", 0
	return true
}

// endPhase is the phase that a run ends in for a reason.
func endPhase(reason string) string {
	switch reason {
	case reasonSucceeded:
		return v1.RunSuccess
	case reasonCancelled, reasonReplaced, reasonForbidden:
		return v1.RunCancelled
	}
	return v1.RunFailure
}

// failure says in a sentence which steps failed, and of the first one why.
func failure(st *v1.PipelineRunStatus, failed []string) string {
	i := slices.IndexFunc(st.Steps, func(s v1.StepStatus) bool { return s.Name == failed[0] })
	s := st.Steps[i]
	text := "step " + strings.Join(failed, ", ") + " failed"
	if len(failed) > 1 {
		text = "steps " + strings.Join(failed, ", ") + " failed"
	}
	switch {
	case s.Message != "":
		text += ": " + s.Message
	case s.ExitCode != nil:
		text += fmt.Sprintf(": exit code %d", *s.ExitCode)
	case s.Reason != "":
		text += ": " + s.Reason
	}
	return clip(text, longestMessage)
}

// clip cuts a text to at most n bytes, between characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n -= len("…"); n > 0 && !utf8.RuneStart(s[n]); n-- {
	}
	return s[:n] + "…"
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
