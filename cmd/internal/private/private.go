// Package private writes files that hold credentials.
package private

import (
	"os"
	"path/filepath"
)

// Write replaces a file at once, readable by its owner only from the first byte. Whoever reads
// it meanwhile has the old content or the new one.
func Write(path string, data []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	if _, err := temp.Write(data); err != nil {
		temp.Close()
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}
