package main

import (
	"log/slog"
	"sync"
	"time"
)

// outage logs that the server does not answer, now and again and not at every try.
type outage struct {
	log   *slog.Logger
	every time.Duration

	mu   sync.Mutex
	last time.Time
}

func (o *outage) note(err error, pause time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Since(o.last) < o.every {
		return
	}
	o.last = time.Now()
	o.log.Warn("the server does not answer; running steps go on", "error", err, "next_try_in", pause)
}
