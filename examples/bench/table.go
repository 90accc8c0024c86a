package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// table is printed in columns, one row after the other.
type table struct{ lines []string }

func newTable(columns ...string) *table { return &table{[]string{strings.Join(columns, "\t")}} }

// add adds a row, a value for each column.
func (t *table) add(values ...any) {
	cells := make([]string, len(values))
	for i, v := range values {
		cells[i] = fmt.Sprint(v)
	}
	t.lines = append(t.lines, strings.Join(cells, "\t"))
}

func (t *table) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, line := range t.lines {
		fmt.Fprintln(w, line)
	}
	return w.Flush()
}

// ms is a time in milliseconds, with as many digits as say something.
func ms(d time.Duration) string {
	v := float64(d) / float64(time.Millisecond)
	switch {
	case v == 0:
		return "0"
	case v < 1:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return round(v)
}

func micros(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return round(float64(d) / float64(time.Microsecond))
}

func round(v float64) string { return fmt.Sprintf("%.0f", v) }
