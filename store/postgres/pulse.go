package postgres

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/powernode/powernode/store"
)

// beat is the sort of message that says that a member lives: its id, and the
// age of its process in milliseconds when it was sent, by which it knows its own beats' times.
const beat = "m"

// pulse knows from the beats that the listener hears which members live. It measures by the clock of
// this process alone, that goes on while the process is stopped.
type pulse struct {
	times  pulseTimes
	opened time.Time
	bell   store.Bell // rings when the roster may have changed, or whether we hear ourselves

	mu     sync.Mutex
	own    map[string]bool
	last   map[string]time.Time // when members were heard, or else first seen on the roster
	ours   time.Time            // when the latest of our own beats that came back was sent
	since  time.Time            // we have heard all that was said since then
	sent   time.Time            // when we beat last
	quiet  *time.Timer          // rings when we have not heard ourselves for too long
	muffle bool                 // for tests: no beats are sent
}

// pulseTimes are those of package store.
type pulseTimes struct{ every, pauses, ends time.Duration }

func newPulse(times pulseTimes) *pulse {
	p := &pulse{times: times, opened: time.Now(), own: map[string]bool{}, last: map[string]time.Time{}}
	p.quiet = time.AfterFunc(times.pauses, p.bell.Ring)
	return p
}

// add begins to beat for a member of this process; remove ends that.
func (p *pulse) add(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.own[id] = true
	p.sent = time.Time{} // the first beat is due now
}

func (p *pulse) remove(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.own, id)
}

// due is how long until we are to beat; false while there is no member here.
func (p *pulse) due(now time.Time) (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.times.every - now.Sub(p.sent), len(p.own) > 0
}

// beats are the messages to send now.
func (p *pulse) beats(now time.Time) (messages []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = now
	for id := range p.own {
		if !p.muffle {
			messages = append(messages, fmt.Sprint(beat, id, " ", now.Sub(p.opened).Milliseconds()))
		}
	}
	return messages
}

// heard takes a beat.
func (p *pulse) heard(message string, now time.Time) {
	id, age, _ := strings.Cut(message, " ")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last[id] = now
	if !p.own[id] {
		return
	}
	ms, err := strconv.ParseInt(age, 10, 64)
	if err != nil {
		return
	}
	deaf := !p.hears(now)
	p.ours = p.opened.Add(time.Duration(ms) * time.Millisecond)
	if !p.hears(now) { // it was long on its way
		return
	}
	if deaf {
		p.since = now
		p.bell.Ring()
	}
	p.quiet.Reset(p.times.pauses - now.Sub(p.ours))
}

// connected: from now on all is heard again; of what was said before nothing is known.
func (p *pulse) connected(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.since = now
	p.bell.Ring()
}

// hearing reports whether we hear ourselves.
func (p *pulse) hearing(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hears(now)
}

func (p *pulse) hears(now time.Time) bool { return now.Sub(p.ours) < p.times.pauses }

// note takes the ids of all members: a new one has its time from now on.
func (p *pulse) note(all []string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := map[string]time.Time{}
	for _, id := range all {
		last[id] = now
		if at, known := p.last[id]; known {
			last[id] = at
		}
	}
	p.last = last
}

// dead lists the members that we have not heard for too long, though we heard all that was said.
func (p *pulse) dead(now time.Time) (ids []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.own) == 0 || !p.hears(now) || now.Sub(p.since) < p.times.ends {
		return nil
	}
	for id, at := range p.last {
		if !p.own[id] && now.Sub(at) >= p.times.ends {
			ids = append(ids, id)
		}
	}
	return ids
}
