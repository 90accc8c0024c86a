package runner

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// unpacker writes an archive below a root that nothing can leave: os.Root
// refuses every path that leads out of it, by dots or by a symbolic link.
type unpacker struct {
	root *os.Root
	// anyLink lets symbolic links point anywhere (a workspace that this runner or
	// another packed); else only to what is in the archive's own tree.
	anyLink   bool
	keepTimes bool
	left      int64
	files     int
	dirs      []*tar.Header // whose times and permissions are set last
}

// unpack reads a tar.gz to its end and returns how many entries were not directories.
func unpack(r io.Reader, root *os.Root, anyLink, keepTimes bool, limit int64) (files int, err error) {
	zip, err := gzip.NewReader(r)
	if err != nil {
		return 0, fmt.Errorf("not a tar.gz archive: %w", err)
	}
	u := &unpacker{root: root, anyLink: anyLink, keepTimes: keepTimes, left: limit}
	archive := tar.NewReader(zip)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return u.files, u.finish()
		}
		if err != nil {
			return 0, fmt.Errorf("archive: %w", err)
		}
		if err := u.entry(header, archive); err != nil {
			return 0, fmt.Errorf("archive entry %q: %w", header.Name, err)
		}
	}
}

func (u *unpacker) entry(header *tar.Header, content io.Reader) error {
	name := path.Clean(strings.TrimSuffix(header.Name, "/"))
	if !filepath.IsLocal(name) {
		return errors.New("it leads outside of the directory")
	}
	header.Name = name
	if header.Typeflag != tar.TypeDir {
		if name == "." {
			return errors.New("it stands for the directory itself")
		}
		if err := u.root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
	}
	switch header.Typeflag {
	case tar.TypeDir:
		u.dirs = append(u.dirs, header)
		return u.root.MkdirAll(name, 0o755)
	case tar.TypeReg:
		u.files++
		return u.file(header, content)
	case tar.TypeSymlink:
		u.files++
		return u.link(header)
	}
	return errors.New("only files, directories and symbolic links are unpacked")
}

func (u *unpacker) file(header *tar.Header, content io.Reader) error {
	if u.left -= header.Size; u.left < 0 {
		return errTooLarge
	}
	if err := u.clear(header.Name); err != nil {
		return err
	}
	f, err := u.root.OpenFile(header.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	err = errors.Join(err, f.Chmod(permissions(header)), f.Close())
	if err != nil || !u.keepTimes {
		return err
	}
	return u.root.Chtimes(header.Name, time.Time{}, header.ModTime)
}

func (u *unpacker) link(header *tar.Header) error {
	inside := !path.IsAbs(header.Linkname) && filepath.IsLocal(path.Join(path.Dir(header.Name), header.Linkname))
	if !u.anyLink && !inside {
		return fmt.Errorf("it is a symbolic link to %q, outside of the directory", header.Linkname)
	}
	if err := u.clear(header.Name); err != nil {
		return err
	}
	return u.root.Symlink(header.Linkname, header.Name)
}

// clear removes a file or link that is in the way, so that nothing is ever
// written through it.
func (u *unpacker) clear(name string) error {
	info, err := u.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		return errors.New("there is a directory of that name")
	}
	return u.root.Remove(name)
}

// finish gives directories their permissions and times, the deepest first.
func (u *unpacker) finish() error {
	for i := len(u.dirs) - 1; i >= 0; i-- {
		header := u.dirs[i]
		if header.Name == "." {
			continue
		}
		if u.keepTimes {
			if err := u.root.Chtimes(header.Name, time.Time{}, header.ModTime); err != nil {
				return err
			}
		}
		if err := u.root.Chmod(header.Name, permissions(header)|0o700); err != nil {
			return err
		}
	}
	return nil
}

// permissions of an entry, without set-uid and its like.
func permissions(header *tar.Header) fs.FileMode { return fs.FileMode(header.Mode) & fs.ModePerm }
