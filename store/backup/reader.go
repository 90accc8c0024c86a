package backup

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
)

// Reader reads a backup, and checks it on the way. What it says of a table is as
// it was written once Rows has come to its end; the backup is whole once Next has returned io.EOF.
type Reader struct {
	in     io.Reader
	digest hash.Hash
	at     int64 // bytes read
	rows   *rows // of the present table
}

// NewReader reads the header.
func NewReader(in io.Reader) (*Reader, Header, error) {
	r := &Reader{in: in, digest: sha256.New()}
	first := make([]byte, len(magic))
	if n, err := io.ReadFull(in, first); err != nil || string(first) != magic {
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return nil, Header{}, fmt.Errorf("read the backup: %w", err)
		}
		if n > 0 && n < len(magic) && string(first[:n]) == magic[:n] {
			return nil, Header{}, r.damaged("it ends within its first line")
		}
		if bytes.HasPrefix(first, []byte("powernode backup ")) {
			return nil, Header{}, fmt.Errorf("%w: its format is of another version (%q): use the program that it was made with, or a newer one", ErrNoBackup, first[:n-1])
		}
		return nil, Header{}, ErrNoBackup
	}
	r.took(first)
	var h Header
	return r, h, r.header(&h)
}

func (r *Reader) header(h *Header) error {
	kind, content, err := r.frame()
	if err != nil {
		return err
	}
	if kind != frameHeader {
		return r.damaged("it has no header")
	}
	return r.parse(content, h)
}

// Next goes to the next table, over the rest of the present one. io.EOF says that there is
// none, and that the whole backup is what was written.
func (r *Reader) Next() (Table, error) {
	if r.rows != nil {
		if _, err := io.Copy(io.Discard, r.rows); err != nil {
			return Table{}, err
		}
		r.rows = nil
	}
	before := r.digest.Sum(nil)
	kind, content, err := r.frame()
	switch {
	case err != nil:
		return Table{}, err
	case kind == frameDigest && !bytes.Equal(content, before):
		return Table{}, r.damaged("its parts do not belong together")
	case kind == frameDigest:
		return Table{}, r.end()
	case kind != frameTable:
		return Table{}, r.damaged("a table is missing")
	}
	var t Table
	r.rows = &rows{reader: r, unpack: flate.NewReader(nil)}
	return t, r.parse(content, &t)
}

// Rows are those of the present table.
func (r *Reader) Rows() io.Reader { return r.rows }

// Count is how many rows the present table has, known once Rows has ended.
func (r *Reader) Count() int64 { return r.rows.count }

// end checks that nothing comes behind the digest.
func (r *Reader) end() error {
	n, err := r.in.Read(make([]byte, 1))
	switch {
	case n > 0:
		return r.damaged("something was added to it")
	case err != nil && err != io.EOF:
		return fmt.Errorf("read the backup: %w", err)
	}
	return io.EOF
}

// frame reads the next frame. Its content is whole.
func (r *Reader) frame() (kind byte, content []byte, err error) {
	head := make([]byte, 5)
	if err := r.full(head); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxFrame {
		return 0, nil, r.damaged("a frame has an impossible length")
	}
	content = make([]byte, n+4)
	if err := r.full(content); err != nil {
		return 0, nil, err
	}
	content, sum := content[:n], binary.BigEndian.Uint32(content[n:])
	if crc32.Update(crc32.Checksum(head, castagnoli()), castagnoli(), content) != sum {
		return 0, nil, r.damaged("a checksum is wrong")
	}
	return head[0], content, nil
}

func (r *Reader) full(b []byte) error {
	n, err := io.ReadFull(r.in, b)
	r.took(b[:n])
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return r.damaged("it is cut off")
	case err != nil:
		return fmt.Errorf("read the backup: %w", err)
	}
	return nil
}

func (r *Reader) took(b []byte) {
	r.at += int64(len(b))
	r.digest.Write(b)
}

func (r *Reader) parse(content []byte, v any) error {
	if err := json.Unmarshal(content, v); err != nil {
		return r.damaged(err.Error())
	}
	return nil
}

// damaged says what is wrong, and up to which byte the file was read.
func (r *Reader) damaged(why string) error {
	return fmt.Errorf("%w: %s (at byte %d)", ErrDamaged, why, r.at)
}
