package memory

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sync"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

var _ store.Blobs = (*Blobs)(nil)

// Blobs is a store.Blobs in memory.
type Blobs struct {
	mu    sync.Mutex
	blobs map[string]map[string][]byte // by owner and digest
}

// Put implements store.Blobs.
func (b *Blobs) Put(_ context.Context, owner string, r io.Reader) (string, int64, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return "", 0, fmt.Errorf("read blob of %s: %w", owner, err)
	}
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.blobs == nil {
		b.blobs = map[string]map[string][]byte{}
	}
	if b.blobs[owner] == nil {
		b.blobs[owner] = map[string][]byte{}
	}
	b.blobs[owner][digest] = data
	return digest, int64(len(data)), nil
}

// Open implements store.Blobs.
func (b *Blobs) Open(_ context.Context, owner, digest string) (io.ReadCloser, int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	data, ok := b.blobs[owner][digest]
	if !ok {
		return nil, 0, fmt.Errorf("blob %s of %s: %w", digest, owner, api.ErrNotFound)
	}
	return io.NopCloser(bytes.NewReader(data)), int64(len(data)), nil
}

// Drop implements store.Blobs.
func (b *Blobs) Drop(_ context.Context, owner string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.blobs, owner)
	return nil
}
