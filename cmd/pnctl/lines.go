package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/powernode/powernode/api/v1"
)

// A style is what colour a span has, as the parameter of an SGR sequence.
type style string

const (
	normal style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
)

// A span is text of one style; a line is spans without a line feed.
type span struct {
	text  string
	style style
}

type line []span

// String is the line as it is written, with or without colour.
func (l line) String(colour bool) string {
	var b strings.Builder
	for _, s := range l {
		if colour && s.style != normal && s.text != "" {
			fmt.Fprintf(&b, "\x1b[%sm%s\x1b[0m", s.style, s.text)
		} else {
			b.WriteString(s.text)
		}
	}
	return b.String()
}

// fit cuts each line to the width of the window, so that none wraps.
func fit(lines []line, width int) []line {
	for i, l := range lines {
		left := max(width-1, 1)
		for j := range l {
			if columns(l[j].text) > left {
				l[j].text = runewidth.Truncate(l[j].text, left, "…")
			}
			left -= columns(l[j].text)
		}
		lines[i] = l
	}
	return lines
}

// columns is how many cells of a terminal the text takes.
func columns(text string) int { return runewidth.StringWidth(text) }

// printable is a log line without what would move the cursor or change colours.
func printable(text string) string {
	text = strings.ReplaceAll(text, "\t", "    ")
	var b strings.Builder
	for i := 0; i < len(text); {
		if text[i] == 0x1b {
			i += escapeLength(text[i:])
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		}
		i += n
	}
	return b.String()
}

// escapeLength is the length of the escape sequence that text starts with.
func escapeLength(text string) int {
	if len(text) < 2 || text[1] != '[' {
		return min(2, len(text))
	}
	for i := 2; i < len(text); i++ {
		if text[i] >= 0x40 && text[i] <= 0x7e {
			return i + 1
		}
	}
	return len(text)
}

// A tail keeps the last lines of a log that grows.
type tail struct {
	lines   []string
	partial []byte
	attempt int
}

func (t *tail) add(part *logPart) {
	if part.Attempt != t.attempt {
		*t = tail{attempt: part.Attempt}
	}
	t.partial = append(t.partial, part.Data...)
	for {
		whole, rest, found := bytes.Cut(t.partial, []byte("\n"))
		if !found {
			break
		}
		t.lines = append(t.lines, printable(lastOverwrite(string(whole))))
		t.partial = rest
	}
	if len(t.lines) > tailKept {
		t.lines = append([]string(nil), t.lines[len(t.lines)-tailKept:]...)
	}
}

// last is at most n lines, the one that is still being written included.
func (t *tail) last(n int) []string {
	if t == nil || n <= 0 {
		return nil
	}
	lines := t.lines
	if len(t.partial) > 0 {
		lines = append(lines[:len(lines):len(lines)], printable(lastOverwrite(string(t.partial))))
	}
	return lines[max(len(lines)-n, 0):]
}

// lastOverwrite is what is left of a line that was written over with carriage returns.
func lastOverwrite(text string) string {
	text = strings.TrimRight(text, "\r")
	return text[strings.LastIndexByte(text, '\r')+1:]
}

// glyph is the state of a step in one cell.
func glyph(s v1.StepStatus, now time.Time) string {
	switch s.Phase {
	case v1.RunSuccess:
		return "✓"
	case v1.RunFailure:
		return "✗"
	case v1.RunCancelled:
		return "⊘"
	case v1.StepSkipped:
		return "–"
	case v1.RunRunning:
		frames := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
		return string(frames[now.UnixMilli()/redraw.Milliseconds()%int64(len(frames))])
	case v1.RunQueued:
		return "◌"
	}
	return "○"
}

func phaseStyle(phase string) style {
	switch phase {
	case v1.RunSuccess:
		return green
	case v1.RunFailure:
		return red
	case v1.RunCancelled:
		return yellow
	case v1.RunRunning:
		return cyan
	}
	return dim
}

// elapsed is how long something took, or has been going on at now.
func elapsed(started, finished *metav1.Time, now time.Time) string {
	if started == nil {
		return ""
	}
	if finished != nil {
		now = finished.Time
	}
	return "  " + duration(now.Sub(started.Time).Truncate(time.Second))
}

// size is a number of bytes for people, in powers of 1024.
func size(bytes int64) string {
	value, unit := float64(bytes), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if value < 1024 {
			break
		}
		value, unit = value/1024, next
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}
