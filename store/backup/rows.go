package backup

import (
	"bytes"
	"compress/flate"
	"io"
)

// rows reads the pieces of one table, up to its end.
type rows struct {
	reader *Reader
	piece  []byte
	unpack io.ReadCloser
	ended  bool
	count  int64
}

// Read implements io.Reader. Only pieces whose checksum is right come out of it.
func (r *rows) Read(b []byte) (int, error) {
	for len(r.piece) == 0 {
		if r.ended {
			return 0, io.EOF
		}
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, r.piece)
	r.piece = r.piece[n:]
	return n, nil
}

func (r *rows) next() error {
	kind, content, err := r.reader.frame()
	if err != nil {
		return err
	}
	switch kind {
	case frameData:
		return r.open(content)
	case frameEnd:
		var end tableEnd
		r.ended = true
		err := r.reader.parse(content, &end)
		r.count = end.Rows
		return err
	}
	return r.reader.damaged("a table has no end")
}

func (r *rows) open(content []byte) error {
	if err := r.unpack.(flate.Resetter).Reset(bytes.NewReader(content), nil); err != nil {
		return err
	}
	piece, err := io.ReadAll(io.LimitReader(r.unpack, pieceSize+1))
	if err != nil || len(piece) > pieceSize {
		return r.reader.damaged("a piece does not unpack")
	}
	r.piece = piece
	return nil
}
