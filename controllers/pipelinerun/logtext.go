package pipelinerun

import (
	"bytes"
	"context"
	"net/http"
)

// write sends a piece of a log on, with the step in front of each line when all steps are shown.
func (t *tailer) write(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if t.prefix != "" {
		data = t.prefixed(data)
	}
	if _, err := t.out.Write(data); err != nil {
		return err
	}
	if t.query.follow {
		_ = http.NewResponseController(t.out).Flush() // without it the reader only waits longer
	}
	return nil
}

func (t *tailer) prefixed(data []byte) []byte {
	var b bytes.Buffer
	for line := range bytes.Lines(data) {
		if !t.middle {
			b.WriteString(t.prefix)
		}
		b.Write(line)
		t.middle = line[len(line)-1] != '\n'
	}
	return b.Bytes()
}

// endLine ends a last line that a step left open, before the next step's.
func (t *tailer) endLine() error {
	if !t.middle {
		return nil
	}
	t.middle = false
	_, err := t.out.Write([]byte("\n"))
	return err
}

// tailStart is the offset, not before from, at which the last lines of a stream begin.
func (t *tailer) tailStart(ctx context.Context, stream string, from int64, lines int) (int64, error) {
	starts := []int64{from} // of the last lines, one more than are asked for
	at := from
	for {
		data, _, err := t.logs.Read(ctx, stream, at, chunk, 0)
		if err != nil {
			return 0, err
		}
		if len(data) == 0 {
			break
		}
		for i, c := range data {
			if c == '\n' {
				starts = append(starts, at+int64(i)+1)
			}
		}
		at += int64(len(data))
		if extra := len(starts) - lines - 1; extra > 0 {
			starts = append(starts[:0], starts[extra:]...)
		}
	}
	if starts[len(starts)-1] == at && len(starts) > 1 { // after the last line break there is nothing
		starts = starts[:len(starts)-1]
	}
	if lines == 0 {
		return at, nil
	}
	return starts[max(len(starts)-lines, 0)], nil
}
