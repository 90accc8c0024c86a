package expression

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Position is a place in the text of a template: Offset in bytes from its
// start, Line and Column (in characters) from 1.
type Position struct{ Offset, Line, Column int }

// String is "column 7", or "line 2, column 7" where there is more than one line before it.
func (p Position) String() string {
	if p.Line <= 1 {
		return fmt.Sprintf("column %d", p.Column)
	}
	return fmt.Sprintf("line %d, column %d", p.Line, p.Column)
}

func position(src string, offset int) Position {
	before := src[:min(offset, len(src))]
	line := strings.LastIndexByte(before, '\n') + 1
	return Position{Offset: offset, Line: strings.Count(before, "\n") + 1, Column: utf8.RuneCountInString(before[line:]) + 1}
}

// Problem is one thing that is wrong with a template, and where.
type Problem struct {
	Position
	Message string
}

// Error is the message with its place.
func (p *Problem) Error() string { return p.Position.String() + ": " + p.Message }

func syntaxError(src string, offset int, message string) error {
	return &Problem{position(src, offset), message}
}
