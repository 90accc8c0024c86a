package postgres

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// at is a moment of a pulse with times of 2, 5 and 8 seconds, in seconds since it was opened.
func at(p *pulse, seconds float64) time.Time {
	return p.opened.Add(time.Duration(seconds * float64(time.Second)))
}

// listening is a pulse with the member "me" that is connected at 0 and hears itself every 2 seconds, up to a time.
func listening(to float64) *pulse {
	p := newPulse(pulseTimes{2 * time.Second, 5 * time.Second, 8 * time.Second})
	p.add("me")
	p.connected(at(p, 0))
	hearOurs(p, 0, to)
	return p
}

func hearOurs(p *pulse, from, to float64) {
	for s := from; s <= to; s += 2 {
		p.heard(fmt.Sprintf("me %.0f", s*1000), at(p, s))
	}
}

func deadAt(t *testing.T, p *pulse, seconds float64, want ...string) {
	t.Helper()
	got := p.dead(at(p, seconds))
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("dead at %vs: %v, want %v", seconds, got, want)
	}
}

func TestWhoIsSilentIsDeadAndNobodyElse(t *testing.T) {
	p := listening(20)
	p.note([]string{"me", "lively", "gone", "new"}, at(p, 10))
	p.heard("gone 1", at(p, 11))
	p.heard("lively 1", at(p, 17))
	p.note([]string{"me", "lively", "gone", "new", "newer"}, at(p, 14))
	deadAt(t, p, 17.9)
	deadAt(t, p, 18, "new") // never heard, seen 8 seconds ago
	deadAt(t, p, 19, "gone", "new")
	p.note([]string{"me", "lively", "newer"}, at(p, 20)) // they are buried
	deadAt(t, p, 20)
}

func TestWhoDoesNotHearItselfTakesNobodyForDead(t *testing.T) {
	p := listening(10)
	p.note([]string{"me", "other"}, at(p, 0))
	deadAt(t, p, 10, "other")
	deadAt(t, p, 15.1) // not heard for five seconds
	if p.hearing(at(p, 15.1)) {
		t.Error("it hears itself after five seconds without a beat")
	}
	hearOurs(p, 16, 22) // it has missed what others said meanwhile: they have their time from now on
	deadAt(t, p, 22)
	hearOurs(p, 24, 24)
	deadAt(t, p, 24, "other")
}

func TestAConnectionThatIsNewHasMissedWhatWasSaid(t *testing.T) {
	p := listening(6)
	p.note([]string{"me", "other"}, at(p, 0))
	p.connected(at(p, 7))
	hearOurs(p, 8, 14)
	deadAt(t, p, 14)
	deadAt(t, p, 15, "other")
}

func TestABeatThatWasLongOnItsWayIsNoSignOfLife(t *testing.T) {
	p := listening(2)
	p.heard("me 4000", at(p, 9.5))
	if p.hearing(at(p, 9.5)) {
		t.Error("a beat that is five seconds old counts")
	}
	p.heard("me 9000", at(p, 9.6))
	if !p.hearing(at(p, 9.6)) {
		t.Error("a fresh one does not")
	}
}
