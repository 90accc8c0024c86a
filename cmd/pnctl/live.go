package main

import (
	"fmt"
	"strings"
	"time"

	v1 "github.com/powernode/powernode/api/v1"
)

// live is a run as a terminal shows it: a line a step, and below each running
// step the last lines of its log. It holds what has come so far; Frame is a pure
// function of that, the time and the size of the window.
type live struct {
	run    *runState
	tails  map[string]*tail
	notice string
}

const (
	tailShown = 6  // log lines below a running step
	tailKept  = 30 // log lines of a failed step at the end
)

// Event takes in what happened.
func (l *live) Event(e event) {
	switch {
	case e.Run != nil:
		l.run = e.Run
	case e.Log != nil:
		if l.tails == nil {
			l.tails = map[string]*tail{}
		}
		if l.tails[e.Log.Step] == nil {
			l.tails[e.Log.Step] = &tail{}
		}
		l.tails[e.Log.Step].add(e.Log)
	case e.Notice != "":
		l.notice = e.Notice
		if e.Notice == connectedAgain {
			l.notice = ""
		}
	}
}

// Frame is the view at now in a window of that many columns and rows. It fits:
// where there is not room for all, ended steps are folded first.
func (l *live) Frame(now time.Time, width, height int) []line {
	if l.run == nil {
		return nil
	}
	var foot []line
	switch {
	case l.notice != "":
		foot = []line{{{text: "  ! " + l.notice, style: yellow}}}
	case !l.run.Ended():
		foot = []line{{{text: "  Ctrl-C detaches, the run goes on", style: dim}}}
	}
	head := l.head(now)
	room := max(height-1-len(head)-len(foot), 3)
	steps := l.run.Steps()
	hidden := max(len(steps)-room+1, 0)
	if len(steps) <= room {
		hidden = 0
	}
	var lines []line
	lines = append(lines, head...)
	if hidden > 0 {
		first := l.fold(steps, hidden)
		lines = append(lines, line{{text: fmt.Sprintf("  … %d more steps", hidden), style: dim}})
		steps = steps[first : first+len(steps)-hidden]
		room--
	}
	spare := room - len(steps)
	for i, s := range steps {
		lines = append(lines, stepRow(s, now, nameWidth(steps)))
		logs := l.shownTail(s, min(tailShown, spare/max(running(steps[i:]), 1)))
		spare -= len(logs)
		lines = append(lines, logs...)
	}
	return fit(append(lines, foot...), width)
}

// Final is what stays on the screen: every step, and the log of the one that failed.
func (l *live) Final(now time.Time, width int) []line {
	if l.run == nil {
		return nil
	}
	lines := l.head(now)
	for _, s := range l.run.Steps() {
		lines = append(lines, stepRow(s, now, nameWidth(l.run.Steps())))
	}
	if s, found := l.run.culprit(); found {
		for _, text := range l.tails[s.Name].last(tailKept) {
			lines = append(lines, line{{text: "    │ ", style: dim}, {text: text}})
		}
	}
	for _, a := range l.run.Status.Artifacts {
		lines = append(lines, line{{text: fmt.Sprintf("  ↓ %s (%s): pnctl artifacts %s %s", a.Name, size(a.Size), l.run.Name, a.Name), style: dim}})
	}
	return fit(lines, width)
}

func (l *live) head(now time.Time) []line {
	r := l.run
	title := line{{text: r.Name, style: bold}, {text: "  pipeline " + r.Spec.PipelineRef.Name, style: dim}}
	if r.Status.Number > 0 {
		title = append(title, span{text: fmt.Sprintf(" #%d", r.Status.Number), style: dim})
	}
	phase := r.Status.Phase
	if phase == "" {
		phase = v1.RunPending
	}
	title = append(title, span{text: "  " + phase, style: phaseStyle(phase)}, span{text: elapsed(r.Status.Started, r.Status.Finished, now)})
	lines := []line{title}
	if r.Ended() && r.Status.Message != "" {
		lines = append(lines, line{{text: "  " + r.Status.Message, style: phaseStyle(phase)}})
	} else if why := r.Waiting(); why != "" {
		lines = append(lines, line{{text: "  " + why, style: yellow}})
	}
	return lines
}

// fold chooses the first step to show: those before the first that has not ended go first.
func (l *live) fold(steps []v1.StepStatus, hidden int) int {
	for i, s := range steps {
		if !ended(s.Phase) {
			return min(i, hidden)
		}
	}
	return hidden
}

func (l *live) shownTail(s v1.StepStatus, n int) (lines []line) {
	if s.Phase != v1.RunRunning {
		return nil
	}
	for _, text := range l.tails[s.Name].last(n) {
		lines = append(lines, line{{text: "    │ ", style: dim}, {text: text}})
	}
	return lines
}

func stepRow(s v1.StepStatus, now time.Time, width int) line {
	row := line{
		{text: "  " + glyph(s, now) + " ", style: phaseStyle(s.Phase)},
		{text: s.Name + strings.Repeat(" ", max(width-columns(s.Name), 0))},
		{text: elapsed(s.Started, s.Finished, now), style: dim},
	}
	if s.Attempts > 1 {
		row = append(row, span{text: fmt.Sprintf("  attempt %d", s.Attempts), style: yellow})
	}
	if s.RetryAt != nil && !ended(s.Phase) {
		row = append(row, span{text: "  again in " + duration(max(s.RetryAt.Sub(now), 0).Round(time.Second)), style: yellow})
	}
	if why := because(s); why != "" && s.Phase != v1.RunSuccess {
		row = append(row, span{text: "  " + strings.TrimPrefix(why, ": "), style: phaseStyle(s.Phase)})
	}
	return row
}

func nameWidth(steps []v1.StepStatus) (width int) {
	for _, s := range steps {
		width = max(width, columns(s.Name))
	}
	return width
}
