package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/powernode/powernode/api/v1"
)

// plain turns a run's events into lines for a file or a pipe. A step's line comes
// when its phase changes; the line that says how an attempt ended waits for the rest of its log.
type plain struct {
	LogsOnly bool // tell the logs and nothing else

	run   *runState
	about string               // what was last said of the run
	steps map[string]*stepText // by name
}

// stepText is what was told of a step.
type stepText struct {
	last    string // the latest line, queued or told
	queue   []stepLine
	started int // attempts that were said to run
	logs    int // attempts whose log is told to its end
	partial []byte
}

// A stepLine may be told once the logs of so many attempts are.
type stepLine struct {
	text string
	logs int
}

// Event is the lines that e adds.
func (p *plain) Event(e event) []string {
	switch {
	case e.Run != nil:
		return p.state(e.Run)
	case e.Log != nil:
		return p.log(e.Log)
	}
	return nil
}

// End is the last line: how the run ended.
func (p *plain) End() []string {
	if p.LogsOnly || p.run == nil || !p.run.Ended() {
		return nil
	}
	return []string{resultLine(p.run)}
}

func (p *plain) state(r *runState) []string {
	p.run = r
	if p.LogsOnly {
		return nil
	}
	var lines []string
	if about := aboutRun(r); about != "" && about != p.about {
		p.about = about
		lines = append(lines, about)
	}
	for _, s := range r.Steps() {
		t := p.step(s.Name)
		if s.Attempts > 0 && t.started == 0 && s.Phase != v1.RunQueued { // it may have ended between two looks
			t.say(t.start(s.Name, 1), 0)
		}
		if s.Phase == v1.RunRunning {
			t.say(t.start(s.Name, s.Attempts), s.Attempts-1)
		}
		t.say(stepPhase(s))
		lines = append(lines, t.ready()...)
	}
	return lines
}

func (p *plain) log(part *logPart) []string {
	t := p.step(part.Step)
	if !part.End {
		t.partial = append(t.partial, part.Data...)
		lines := prefixed(part.Step, t.wholeLines())
		if start := t.start(part.Step, part.Attempt); start != "" && !p.LogsOnly { // its log may be ahead of its state
			lines = append([]string{start}, lines...)
		}
		return lines
	}
	lines := prefixed(part.Step, t.rest())
	t.logs = part.Attempt
	return append(lines, t.ready()...)
}

func (p *plain) step(name string) *stepText {
	if p.steps == nil {
		p.steps = map[string]*stepText{}
	}
	if p.steps[name] == nil {
		p.steps[name] = &stepText{}
	}
	return p.steps[name]
}

func prefixed(step string, lines []string) []string {
	for i := range lines {
		lines[i] = "[" + step + "] " + lines[i]
	}
	return lines
}

// start is the line that an attempt begins with, once.
func (t *stepText) start(name string, attempt int) string {
	if attempt <= t.started {
		return ""
	}
	t.started = attempt
	return "step " + name + ": " + v1.RunRunning + again(attempt)
}

// say queues a line, unless it is what was said last.
func (t *stepText) say(text string, logs int) {
	if text != "" && text != t.last {
		t.last = text
		t.queue = append(t.queue, stepLine{text, logs})
	}
}

// ready takes the lines that need not wait any longer.
func (t *stepText) ready() (lines []string) {
	for len(t.queue) > 0 && t.queue[0].logs <= t.logs {
		lines = append(lines, t.queue[0].text)
		t.queue = t.queue[1:]
	}
	return lines
}

func (t *stepText) wholeLines() (lines []string) {
	for {
		line, rest, found := bytes.Cut(t.partial, []byte("\n"))
		if !found {
			return lines
		}
		lines = append(lines, strings.TrimSuffix(string(line), "\r"))
		t.partial = rest
	}
}

// rest is the last line of a log that does not end in a line feed.
func (t *stepText) rest() []string {
	if len(t.partial) == 0 {
		return nil
	}
	line := strings.TrimSuffix(string(t.partial), "\r")
	t.partial = nil
	return []string{line}
}

// stepPhase is what to say of a step, and the logs of how many attempts come before it.
func stepPhase(s v1.StepStatus) (text string, logs int) {
	text = "step " + s.Name + ": " + s.Phase
	switch {
	case s.RetryAt != nil && !ended(s.Phase):
		return fmt.Sprintf("step %s: attempt %d failed%s; it will be tried again", s.Name, s.Attempts, because(s)), s.Attempts
	case s.Phase == v1.RunRunning:
		return "", 0 // said by start
	case s.Phase == v1.RunSuccess:
		return text + took(s.Started, s.Finished) + again(s.Attempts), s.Attempts
	case ended(s.Phase):
		return text + took(s.Started, s.Finished) + again(s.Attempts) + because(s), s.Attempts
	case s.Message != "":
		return text + again(s.Attempts) + because(s), s.Attempts - 1
	}
	return "", 0
}

func again(attempt int) string {
	if attempt < 2 {
		return ""
	}
	return fmt.Sprintf(" (attempt %d)", attempt)
}

// because is why a step is as it is: ": exit code 3", ": TimedOut: ...".
func because(s v1.StepStatus) string {
	switch {
	case s.Message != "":
		return ": " + s.Message
	case s.ExitCode != nil && *s.ExitCode != 0:
		return fmt.Sprintf(": exit code %d", *s.ExitCode)
	case s.Reason != "":
		return ": " + s.Reason
	}
	return ""
}

// aboutRun is why a run that has not started waits, and why one that has can't
// go on. That a step waits for a runner is not worth a line: most do, for a moment.
func aboutRun(r *runState) string {
	if why := r.Waiting(); why != "" && (r.Status.Started == nil || r.lacksSecret()) {
		return fmt.Sprintf("run %s: %s: %s", r.Name, r.Status.Phase, why)
	}
	return ""
}

// resultLine is how a run ended: "run build-x2k4q: failure in 12s: step test: exit code 1".
func resultLine(r *runState) string {
	line := "run " + r.Name + ": " + r.Status.Phase + took(r.Status.Started, r.Status.Finished)
	if r.Status.Message != "" {
		return line + ": " + r.Status.Message
	}
	if s, found := r.culprit(); found {
		return line + ": step " + s.Name + because(s)
	}
	return line
}

func took(started, finished *metav1.Time) string {
	if started == nil || finished == nil {
		return ""
	}
	return " in " + duration(finished.Sub(started.Time))
}

// duration is a time span for people: 0.4s, 12s, 3m05s, 2h04m.
func duration(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Second && d > 0:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}
