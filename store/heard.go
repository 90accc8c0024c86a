package store

import (
	"sync"
	"time"

	"github.com/powernode/powernode/api/runner"
)

// Heard remembers when this process last heard of each runner, which decides
// how long a task waits for the runner that it prefers. The zero value has
// heard of nobody.
type Heard struct {
	// LeaseTime is how long a runner may be silent; runner.LeaseTime when 0.
	LeaseTime time.Duration

	mu    sync.Mutex
	since time.Time // when listening began, or began again
	last  map[string]time.Time
}

// Reset forgets the time that has passed: after a while in which nobody could be
// heard, everybody has a full LeaseTime again.
func (h *Heard) Reset(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.since = now
}

// Note says that a runner was heard of.
func (h *Heard) Note(name string, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last == nil {
		h.last = map[string]time.Time{}
	}
	h.last[name] = now
}

// Silent lists the runners that were heard of, but not for LeaseTime.
func (h *Heard) Silent(now time.Time) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	silent := []string{}
	for name, at := range h.last {
		if h.gone(at, now) {
			silent = append(silent, name)
		}
	}
	return silent
}

// Recent lists the runners that were heard of within LeaseTime.
func (h *Heard) Recent(now time.Time) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	recent := []string{}
	for name, at := range h.last {
		if !h.gone(at, now) {
			recent = append(recent, name)
		}
	}
	return recent
}

// Unknown is the time before which a task must have been offered for a runner
// that was never heard of to have had its chance.
func (h *Heard) Unknown(now time.Time) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now.Sub(h.since) < h.leaseTime() {
		return time.Time{}
	}
	return now.Add(-h.leaseTime())
}

func (h *Heard) gone(last, now time.Time) bool {
	return now.Sub(last) >= h.leaseTime() && now.Sub(h.since) >= h.leaseTime()
}

func (h *Heard) leaseTime() time.Duration {
	if h.LeaseTime == 0 {
		return runner.LeaseTime
	}
	return h.LeaseTime
}
