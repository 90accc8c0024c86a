// Package blobs keeps large immutable contents as files: a directory for each
// owner, a file for each content, named by its digest.
//
// It is for one server or several that share the directory. A file appears under its
// name when all of it is on the disk. The package refuses to know what the contents are.
package blobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

var _ store.Blobs = Dir{}

// Dir is a store.Blobs in the directory Path, which is made when it is needed.
type Dir struct{ Path string }

var (
	plainOwner = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
	digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// owner is the directory of an owner: its name where that can do no harm, else a digest of it.
func (d Dir) owner(name string) string {
	if plainOwner.MatchString(name) {
		return filepath.Join(d.Path, name)
	}
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(d.Path, "_"+hex.EncodeToString(sum[:]))
}

// Put implements store.Blobs.
func (d Dir) Put(ctx context.Context, owner string, r io.Reader) (string, int64, error) {
	dir := d.owner(owner)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", 0, fmt.Errorf("keep a blob of %s: %w", owner, err)
	}
	file, err := os.CreateTemp(dir, ".put-*")
	if err != nil {
		return "", 0, fmt.Errorf("keep a blob of %s: %w", owner, err)
	}
	defer os.Remove(file.Name()) // does nothing once it has its own name
	defer file.Close()
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(file, hash), reader{ctx, r})
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		return "", 0, fmt.Errorf("keep a blob of %s: %w", owner, err)
	}
	digest := hex.EncodeToString(hash.Sum(nil))
	if err := errors.Join(os.Rename(file.Name(), filepath.Join(dir, digest)), syncDir(dir)); err != nil {
		return "", 0, fmt.Errorf("keep blob %s of %s: %w", digest, owner, err)
	}
	return digest, size, nil
}

// syncDir makes the new name last.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// Open implements store.Blobs.
func (d Dir) Open(_ context.Context, owner, digest string) (io.ReadCloser, int64, error) {
	if !digestForm.MatchString(digest) {
		return nil, 0, fmt.Errorf("blob %q of %s: %w", digest, owner, api.ErrNotFound)
	}
	file, err := os.Open(filepath.Join(d.owner(owner), digest))
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, fmt.Errorf("blob %s of %s: %w", digest, owner, api.ErrNotFound)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("open blob %s of %s: %w", digest, owner, err)
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return nil, 0, fmt.Errorf("open blob %s of %s: %w", digest, owner, err)
	}
	return file, info.Size(), nil
}

// Drop implements store.Blobs.
func (d Dir) Drop(_ context.Context, owner string) error {
	if err := os.RemoveAll(d.owner(owner)); err != nil {
		return fmt.Errorf("drop the blobs of %s: %w", owner, err)
	}
	return nil
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
