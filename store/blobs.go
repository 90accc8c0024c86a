package store

import (
	"context"
	"io"
)

// Blobs keeps large immutable contents by digest, under an owner that they go away with.
type Blobs interface {
	// Put reads r to its end and keeps the content; the same content again is no error.
	// Nothing is kept of a Put that fails. It returns the lower-case hexadecimal SHA-256.
	Put(ctx context.Context, owner string, r io.Reader) (sha256 string, size int64, err error)
	// Open reads a content; ErrNotFound when there is none.
	Open(ctx context.Context, owner, sha256 string) (r io.ReadCloser, size int64, err error)
	// Drop removes all that belongs to owner.
	Drop(ctx context.Context, owner string) error
}
