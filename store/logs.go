package store

import (
	"context"
	"time"
)

// Logs keeps text streams that only grow: the output of a step, the last words
// of a container. They live beside the objects, in tables partitioned by time.
type Logs interface {
	// Append adds data at offset (bytes since the start) and returns the stream's new end. When
	// offset is not the end, nothing is added and the end is returned with ErrConflict:
	// a caller that repeats a chunk after a lost answer goes on from there.
	Append(ctx context.Context, stream string, offset int64, data []byte) (end int64, err error)
	// Close marks the stream complete. Closing twice is no error.
	Close(ctx context.Context, stream string) error
	// Read returns at most max bytes from offset on, and whether nothing comes after them. wait > 0 holds an empty read
	// until there is data, the stream is closed, or wait is over. A stream that was
	// never written reads as empty and open.
	Read(ctx context.Context, stream string, offset int64, max int, wait time.Duration) (data []byte, closed bool, err error)
	// Drop removes every stream whose name starts with prefix.
	Drop(ctx context.Context, prefix string) error
}
