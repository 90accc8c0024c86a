package server

import (
	"context"
	"errors"
	"sync"
)

// streams are the answers that last: watches, long polls, followed logs. They end
// with their client, when the server drains, and when who reads them may not any more.
type streams struct {
	// still is nil while a permit holds, else what to tell its holder.
	still func(*permit) error

	mu      sync.Mutex
	drained bool
	open    map[*stream]struct{}
}

// stream is one of them.
type stream struct {
	cancel context.CancelCauseFunc
	permit *permit
}

var errDrained = errors.New("the server is stopping")

// begin derives a context that ends with the stream; its cause tells why. end must be called.
func (s *streams) begin(ctx context.Context) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	one := &stream{cancel, permitOf(ctx)}
	s.mu.Lock()
	if s.open == nil {
		s.open = map[*stream]struct{}{}
	}
	s.open[one] = struct{}{}
	drained := s.drained
	s.mu.Unlock()
	if drained {
		cancel(errDrained)
	} else if err := s.still(one.permit); err != nil { // since it was let in
		cancel(err)
	}
	return ctx, func() {
		cancel(nil)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.open, one)
	}
}

// end ends those whose permit does not hold any more.
func (s *streams) end(still func(*permit) error) {
	s.mu.Lock()
	open := make([]*stream, 0, len(s.open))
	for one := range s.open {
		open = append(open, one)
	}
	s.mu.Unlock()
	for _, one := range open {
		if err := still(one.permit); err != nil {
			one.cancel(err)
		}
	}
}

// drain ends all that is open and all that begins later.
func (s *streams) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drained = true
	for one := range s.open {
		one.cancel(errDrained)
	}
}

func (s *streams) draining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drained
}
