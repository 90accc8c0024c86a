package main

import (
	"fmt"
	"strings"
	"time"
)

// target is what a row is to come to; what is zero is not asked for.
type target struct {
	ratio, stretch float64       // at least, of R; stretch is what would be better still
	p50, p99       time.Duration // at most
}

// String is the target for the reader.
func (t target) String() string {
	var parts []string
	if t.ratio > 0 {
		parts = append(parts, fmt.Sprintf(">= %g R", t.ratio))
	}
	if t.stretch > 0 {
		parts[len(parts)-1] += fmt.Sprintf(" (%g)", t.stretch)
	}
	if t.p50 > 0 {
		parts = append(parts, "p50 <= "+ms(t.p50))
	}
	if t.p99 > 0 {
		parts = append(parts, "p99 <= "+ms(t.p99))
	}
	return strings.Join(parts, ", ")
}

// verdict says whether a row met its target; "" without one.
func (t target) verdict(ratio float64, p50, p99 time.Duration) string {
	if t == (target{}) {
		return ""
	}
	var missed []string
	if ratio < t.ratio {
		missed = append(missed, "R")
	}
	if t.p50 > 0 && p50 > t.p50 {
		missed = append(missed, "p50")
	}
	if t.p99 > 0 && p99 > t.p99 {
		missed = append(missed, "p99")
	}
	if len(missed) == 0 {
		return "met"
	}
	return "MISSED " + strings.Join(missed, ", ")
}

// most is the target of the median alone, for tables that have no other.
func (t target) most() string {
	if t.p50 == 0 {
		return ""
	}
	return "<= " + ms(t.p50)
}

func metIf(met bool) string {
	if met {
		return "met"
	}
	return "MISSED"
}
