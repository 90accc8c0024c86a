package backup

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
)

// Writer writes a backup.
type Writer struct {
	out    io.Writer
	digest hash.Hash
	piece  bytes.Buffer // rows that are not written yet
	packed bytes.Buffer
	pack   *flate.Writer
}

// NewWriter begins a backup.
func NewWriter(out io.Writer, h Header) (*Writer, error) {
	w := &Writer{out: out, digest: sha256.New()}
	var err error
	if w.pack, err = flate.NewWriter(&w.packed, flate.BestSpeed); err != nil {
		return nil, err
	}
	if err := w.raw([]byte(magic)); err != nil {
		return nil, err
	}
	return w, w.document(frameHeader, h)
}

// Table begins a table; its rows are written with Write.
func (w *Writer) Table(t Table) error { return w.document(frameTable, t) }

// Write takes rows of the table that was begun last.
func (w *Writer) Write(rows []byte) (n int, err error) {
	for len(rows) > 0 {
		some := rows[:min(len(rows), pieceSize-w.piece.Len())]
		w.piece.Write(some)
		n, rows = n+len(some), rows[len(some):]
		if w.piece.Len() == pieceSize {
			if err := w.flush(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// End ends a table, and says how many rows it has.
func (w *Writer) End(rows int64) error {
	if err := w.flush(); err != nil {
		return err
	}
	return w.document(frameEnd, tableEnd{rows})
}

// Close ends the backup; without it the file counts as cut off. It leaves the file open.
func (w *Writer) Close() error { return w.frame(frameDigest, w.digest.Sum(nil)) }

func (w *Writer) flush() error {
	if w.piece.Len() == 0 {
		return nil
	}
	w.packed.Reset()
	w.pack.Reset(&w.packed)
	if _, err := w.pack.Write(w.piece.Bytes()); err != nil {
		return fmt.Errorf("compress the backup: %w", err)
	}
	if err := w.pack.Close(); err != nil {
		return fmt.Errorf("compress the backup: %w", err)
	}
	w.piece.Reset()
	return w.frame(frameData, w.packed.Bytes())
}

func (w *Writer) document(kind byte, v any) error {
	content, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.frame(kind, content)
}

func (w *Writer) frame(kind byte, content []byte) error {
	head := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(content)))
	sum := crc32.Update(crc32.Checksum(head, castagnoli()), castagnoli(), content)
	for _, part := range [][]byte{head, content, binary.BigEndian.AppendUint32(nil, sum)} {
		if err := w.raw(part); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) raw(b []byte) error {
	w.digest.Write(b)
	if _, err := w.out.Write(b); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	return nil
}
