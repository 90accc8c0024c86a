package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// fetchTries is how often a content is asked for again when its transfer breaks off.
const fetchTries = 20

// fetch downloads a content to a file without a name, checks it against its
// digest and returns it at its start. A transfer that breaks off is begun again.
func (t *task) fetch(ctx context.Context, digest string) (io.ReadCloser, error) {
	f, err := os.CreateTemp(string(t.dir), "blob-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	for try := 1; ; try++ {
		broke, err := t.download(ctx, digest, f)
		if err == nil {
			return f, nil
		}
		if !broke || try == fetchTries || !pause(ctx, time.Second) {
			f.Close()
			return nil, err
		}
	}
}

// download is one try; broke says that another may do better.
func (t *task) download(ctx context.Context, digest string, f *os.File) (broke bool, err error) {
	content, err := t.lease.OpenBlob(ctx, digest)
	if err != nil {
		return false, err
	}
	defer content.Close()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	if err := f.Truncate(0); err != nil {
		return false, err
	}
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, sum), content); err != nil {
		return true, fmt.Errorf("content %s: %w", digest, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != digest {
		return true, fmt.Errorf("content %s: the server sent %s", digest, got)
	}
	_, err = f.Seek(0, io.SeekStart)
	return false, err
}

// pause waits, and reports whether ctx still lives.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
