package postgres

import "time"

// Pulse sets how fast members beat, and how long they may be silent.
func (c Config) Pulse(every, pauses, ends time.Duration) Config {
	c.pulse = pulseTimes{every, pauses, ends}
	return c
}

// Muffle has no beats sent any more, or again.
func (s *Store) Muffle(on bool) {
	s.listen.pulse.mu.Lock()
	defer s.listen.pulse.mu.Unlock()
	s.listen.pulse.muffle = on
}
