package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// The whole program with the smallest sizes: every table is printed, and every row of it was measured.
func TestEveryTableIsPrinted(t *testing.T) {
	if testing.Short() {
		t.Skip("needs PostgreSQL; run without -short")
	}
	var out bytes.Buffer
	args := strings.Fields("-seconds 0.02 -rounds 1 -clients 2 -watchers 20 -objects 600 -many 50 -passes 5")
	if err := run(t.Context(), args, &out, t.Output()); err != nil {
		t.Fatalf("%v\nbench printed:\n%s", err, &out)
	}
	for _, s := range sections() {
		if !strings.Contains(out.String(), s.title) {
			t.Errorf("no table %q in\n%s", s.title, &out)
		}
	}
	for _, w := range append(storeWriters(), httpWriters()...) {
		if !measuredIn(out.String(), w.name) {
			t.Errorf("%s was not measured:\n%s", w.name, &out)
		}
	}
}

// measuredIn reports whether the row of a writer has a rate.
func measuredIn(out, name string) bool {
	for line := range strings.Lines(out) {
		if rest, found := strings.CutPrefix(line, name+"  "); found {
			fields := strings.Fields(rest)
			return len(fields) > 2 && fields[1] != "0"
		}
	}
	return false
}

func TestAVerdictNamesWhatWasMissed(t *testing.T) {
	all := target{ratio: 0.4, stretch: 0.5, p50: time.Millisecond, p99: 20 * time.Millisecond}
	for _, c := range []struct {
		target   target
		ratio    float64
		p50, p99 time.Duration
		want     string
	}{
		{target{}, 0, time.Hour, time.Hour, ""},
		{all, 0.4, time.Millisecond, 20 * time.Millisecond, "met"},
		{all, 0.39, time.Millisecond, 20 * time.Millisecond, "MISSED R"},
		{all, 0.39, 2 * time.Millisecond, 21 * time.Millisecond, "MISSED R, p50, p99"},
		{target{ratio: 1}, 1, time.Hour, time.Hour, "met"},
	} {
		if got := c.target.verdict(c.ratio, c.p50, c.p99); got != c.want {
			t.Errorf("%v at %g, %s, %s: %q, not %q", c.target, c.ratio, c.p50, c.p99, got, c.want)
		}
	}
	if got := all.String(); got != ">= 0.4 R (0.5), p50 <= 1.0, p99 <= 20.0" {
		t.Error(got)
	}
}
