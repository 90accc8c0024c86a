package runner

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// largestArchive bounds what goes into one archive and comes out of one, in
// bytes of file content.
const largestArchive int64 = 2 << 30

// errTooLarge: the content is over the bound of an archive.
var errTooLarge = errors.New("larger than an archive may be")

// packer writes a tar.gz whose bytes depend on nothing but names, contents,
// permissions and, where they are kept, times: no owner, no clock.
type packer struct {
	root      *os.Root
	tar       *tar.Writer
	keepTimes bool
	left      int64
	files     int
}

// pack archives the named files, directories (without what is in them) and
// symbolic links of root, and returns how many are not directories. Sockets, pipes and devices are left out.
func pack(w io.Writer, root *os.Root, names []string, keepTimes bool, limit int64) (files int, err error) {
	zip, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return 0, err
	}
	p := &packer{root: root, tar: tar.NewWriter(zip), keepTimes: keepTimes, left: limit}
	for _, name := range names {
		if err := p.add(name); err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
	}
	return p.files, errors.Join(p.tar.Close(), zip.Close())
}

func (p *packer) add(name string) error {
	info, err := p.root.Lstat(name)
	if err != nil {
		return err
	}
	header := &tar.Header{Name: name, Mode: int64(info.Mode().Perm()), ModTime: time.Unix(0, 0), Format: tar.FormatPAX}
	if p.keepTimes {
		header.ModTime = info.ModTime()
	}
	switch {
	case info.IsDir():
		header.Typeflag, header.Name = tar.TypeDir, name+"/"
		return p.tar.WriteHeader(header)
	case info.Mode()&fs.ModeSymlink != 0:
		header.Typeflag = tar.TypeSymlink
		if header.Linkname, err = p.root.Readlink(name); err != nil {
			return err
		}
		p.files++
		return p.tar.WriteHeader(header)
	case info.Mode().IsRegular():
		p.files++
		return p.file(header, name)
	}
	return nil
}

func (p *packer) file(header *tar.Header, name string) error {
	f, err := p.root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	header.Typeflag, header.Size = tar.TypeReg, info.Size()
	if p.left -= header.Size; p.left < 0 {
		return errTooLarge
	}
	if err := p.tar.WriteHeader(header); err != nil {
		return err
	}
	if _, err := io.CopyN(p.tar, f, header.Size); err != nil {
		return fmt.Errorf("it changed while it was read: %w", err)
	}
	return nil
}

// tree lists all that is below root, parents before children, in a stable order.
func tree(root *os.Root) ([]string, error) {
	var names []string
	err := fs.WalkDir(root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err == nil && name != "." {
			names = append(names, name)
		}
		return err
	})
	return names, err
}

// fingerprint is a digest of the names, sizes, permissions, links and times below
// root: cheap, and different when anything was written since. size is the sum of the files.
func fingerprint(root *os.Root) (digest string, size int64, err error) {
	sum := sha256.New()
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%q %v", name, info.Mode())
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := root.Readlink(name)
			if err != nil {
				return err
			}
			fmt.Fprintf(sum, " %q", target)
		case !info.IsDir():
			fmt.Fprintf(sum, " %d %d", info.Size(), info.ModTime().UnixNano())
			size += info.Size()
		}
		fmt.Fprintln(sum)
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil)), size, err
}

// packFile packs into a temporary file below dir and returns it, at its start,
// with its digest. The caller closes it; it has no name any more.
func packFile(dir string, root *os.Root, names []string, keepTimes bool) (_ *os.File, blob blobInfo, err error) {
	f, err := os.CreateTemp(dir, "archive-")
	if err != nil {
		return nil, blob, err
	}
	defer func() {
		os.Remove(f.Name())
		if err != nil {
			f.Close()
		}
	}()
	sum := sha256.New()
	if blob.files, err = pack(io.MultiWriter(f, sum), root, names, keepTimes, largestArchive); err != nil {
		return nil, blob, err
	}
	if blob.size, err = f.Seek(0, io.SeekCurrent); err != nil {
		return nil, blob, err
	}
	blob.sha256 = hex.EncodeToString(sum.Sum(nil))
	return f, blob, nil
}

// blobInfo is what packing tells about an archive.
type blobInfo struct {
	sha256 string
	size   int64
	files  int
}

// megabytes is a size for people.
func megabytes(n int64) string {
	if n < 1<<20 {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/(1<<10)), ".0") + " KiB"
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/(1<<20)), ".0") + " MiB"
}
