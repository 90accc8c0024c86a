package store

import "sync"

// Bell wakes everybody who waits, any number of times. The zero value is ready.
// Take the channel first, then look at what may have changed, then wait on it:
// so no ring between the look and the wait is missed.
type Bell struct {
	mu sync.Mutex
	ch chan struct{}
}

// Next is closed by the next Ring.
func (b *Bell) Next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

// Ring wakes all who hold a channel from Next.
func (b *Bell) Ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
