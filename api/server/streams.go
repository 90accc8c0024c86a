package server

import (
	"context"
	"sync"
)

// streams are the answers that last: watches, long polls, followed logs. They end
// with their client or when the server drains.
type streams struct {
	mu      sync.Mutex
	drained bool
	open    map[*context.CancelFunc]struct{}
}

// begin derives a context that ends when the server drains; end must be called.
func (s *streams) begin(ctx context.Context) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drained {
		cancel()
		return ctx, cancel
	}
	if s.open == nil {
		s.open = map[*context.CancelFunc]struct{}{}
	}
	s.open[&cancel] = struct{}{}
	return ctx, func() {
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.open, &cancel)
	}
}

// drain ends all that is open and all that begins later.
func (s *streams) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drained = true
	for cancel := range s.open {
		(*cancel)()
	}
}

func (s *streams) draining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drained
}
