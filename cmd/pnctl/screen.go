package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// redraw is the pace of the live view.
const redraw = 100 * time.Millisecond

// A screen shows lines at the bottom of a terminal and changes them in place.
// Each change is one write between the marks of a synchronized update, lines are
// overwritten before what stood there is erased, and equal lines write nothing:
// so nothing flickers.
type screen struct {
	out    io.Writer
	colour bool
	shown  []string // as written
	plain  []string // without colour, to know how many rows they take
	hidden bool     // the cursor
}

// Draw replaces what is shown in a window of that width.
func (s *screen) Draw(lines []line, width int) error {
	next := make([]string, len(lines))
	bare := make([]string, len(lines))
	for i, l := range lines {
		next[i], bare[i] = l.String(s.colour), l.String(false)
	}
	if slices.Equal(next, s.shown) {
		return nil
	}
	var b strings.Builder
	b.WriteString("\x1b[?2026h")
	if !s.hidden {
		b.WriteString("\x1b[?25l")
		s.hidden = true
	}
	if up := s.rows(width); up > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r", up)
	}
	for _, text := range next {
		b.WriteString(text + "\x1b[K\n")
	}
	b.WriteString("\x1b[J\x1b[?2026l")
	s.shown, s.plain = next, bare
	_, err := io.WriteString(s.out, b.String())
	return err
}

// Close gives the cursor back; what is shown stays.
func (s *screen) Close() error {
	if !s.hidden {
		return nil
	}
	s.hidden, s.shown, s.plain = false, nil, nil
	_, err := io.WriteString(s.out, "\x1b[?25h")
	return err
}

// rows is how many rows of the window the shown lines take: more than their
// number when the window has become narrower since.
func (s *screen) rows(width int) (rows int) {
	for _, text := range s.plain {
		rows += max((columns(text)+width-1)/max(width, 1), 1)
	}
	return rows
}
