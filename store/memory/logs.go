package memory

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

var _ store.Logs = (*Logs)(nil)

// Logs is a store.Logs in memory.
type Logs struct {
	mu      sync.Mutex
	streams map[string]*stream
	moved   store.Bell
}

type stream struct {
	data   []byte
	closed bool
}

// Append implements store.Logs.
func (l *Logs) Append(_ context.Context, name string, offset int64, data []byte) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stream(name)
	end := int64(len(s.data))
	switch {
	case offset != end:
		return end, fmt.Errorf("log %s ends at %d, not %d: %w", name, end, offset, api.ErrConflict)
	case s.closed && len(data) > 0:
		return end, fmt.Errorf("log %s is complete: %w", name, api.ErrForbidden)
	}
	s.data = append(s.data, data...)
	l.moved.Ring()
	return end + int64(len(data)), nil
}

// Close implements store.Logs.
func (l *Logs) Close(_ context.Context, name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stream(name).closed = true
	l.moved.Ring()
	return nil
}

// Read implements store.Logs.
func (l *Logs) Read(ctx context.Context, name string, offset int64, most int, wait time.Duration) ([]byte, bool, error) {
	end := time.Now().Add(wait)
	for {
		moved := l.moved.Next()
		data, closed := l.read(name, offset, most)
		left := time.Until(end)
		if len(data) > 0 || closed || left <= 0 {
			return data, closed, nil
		}
		if err := pause(ctx, moved, left); err != nil {
			return nil, false, fmt.Errorf("read log %s: %w", name, err)
		}
	}
}

func (l *Logs) read(name string, offset int64, most int) (data []byte, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.streams[name]
	if s == nil {
		return nil, false
	}
	from := min(max(offset, 0), int64(len(s.data)))
	to := min(from+int64(most), int64(len(s.data)))
	return bytes.Clone(s.data[from:to]), s.closed && to == int64(len(s.data))
}

// Drop implements store.Logs.
func (l *Logs) Drop(_ context.Context, prefix string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name := range l.streams {
		if strings.HasPrefix(name, prefix) {
			delete(l.streams, name)
		}
	}
	return nil
}

// stream is the stream of a name, made when it is new; the caller holds mu.
func (l *Logs) stream(name string) *stream {
	s := l.streams[name]
	if s == nil {
		s = &stream{}
		if l.streams == nil {
			l.streams = map[string]*stream{}
		}
		l.streams[name] = s
	}
	return s
}
