package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// File is a Source that keeps keys in a file, a line each in base64. Only its
// owner may read it.
type File struct {
	Path string
	mu   sync.Mutex
}

var _ Source = (*File)(nil)

const fileHeader = `# Keys that Powernode seals secrets with in its database, the newest last.
# Whoever has this file and the database can read them; without it nobody can. Keep a copy elsewhere.
`

// String implements Source.
func (f *File) String() string { return "the file " + f.Path }

// Keys implements Source. A file that others may read is refused.
func (f *File) Keys(context.Context, [][]byte) ([]Key, error) {
	info, err := os.Stat(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("encryption keys: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("encryption keys: %s has mode %#o, so others may read it: chmod 600 it", f.Path, info.Mode().Perm())
	}
	text, err := os.ReadFile(f.Path)
	if err != nil {
		return nil, fmt.Errorf("encryption keys: %w", err)
	}
	keys, err := parseKeys(string(text))
	if err != nil {
		return nil, fmt.Errorf("encryption keys in %s: %w", f.Path, err)
	}
	return keys, nil
}

// New implements Source: it adds a line.
func (f *File) New(ctx context.Context) (Key, []byte, error) {
	key := NewKey()
	return key, nil, f.rewrite(ctx, func(text []byte) []byte {
		if len(text) == 0 {
			text = []byte(fileHeader)
		}
		if !bytes.HasSuffix(text, []byte("\n")) {
			text = append(text, '\n')
		}
		return append(text, key.encode()+"\n"...)
	})
}

// Drop implements Source: it takes the key's line out.
func (f *File) Drop(ctx context.Context, id ID) error {
	return f.rewrite(ctx, func(text []byte) []byte {
		var left []byte
		for line := range bytes.Lines(text) {
			keys, err := parseKeys(string(line))
			if err != nil || len(keys) != 1 || keys[0].ID() != id {
				left = append(left, line...)
			}
		}
		return left
	})
}

// rewrite replaces the file in one step, so that a reader or a crash finds the old or the new.
func (f *File) rewrite(ctx context.Context, change func(text []byte) []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.Keys(ctx, nil); err != nil {
		return err // what is not understood is not touched
	}
	text, err := os.ReadFile(f.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("encryption keys: %w", err)
	}
	fresh, err := os.CreateTemp(filepath.Dir(f.Path), filepath.Base(f.Path)+".*") // has mode 0600
	if err != nil {
		return fmt.Errorf("encryption keys: %w", err)
	}
	defer os.Remove(fresh.Name())
	_, err = fresh.Write(change(text))
	if err = errors.Join(err, fresh.Sync(), fresh.Close()); err == nil {
		err = os.Rename(fresh.Name(), f.Path)
	}
	if err != nil {
		return fmt.Errorf("encryption keys: write %s: %w", f.Path, err)
	}
	return syncDir(filepath.Dir(f.Path))
}

// syncDir makes a rename last: a key that is lost takes all that it sealed with it.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("encryption keys: %w", err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("encryption keys: %w", err)
	}
	return nil
}
