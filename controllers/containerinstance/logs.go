package containerinstance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/controllers/internal/docker"
)

// Logs keeps what a container wrote after the container is gone; store.Logs is one.
type Logs interface {
	Append(ctx context.Context, stream string, offset int64, data []byte) (end int64, err error)
	Close(ctx context.Context, stream string) error
	Read(ctx context.Context, stream string, offset int64, max int, wait time.Duration) (data []byte, closed bool, err error)
	Drop(ctx context.Context, prefix string) error
}

const (
	// keepLogBytes is how much of the end of a log is kept.
	keepLogBytes = 100_000
	// readLogTime is how long the whole log may take to read; after that its last readLogLines have to do.
	readLogTime  = time.Minute
	readLogLines = 1000
)

func logPrefix(uid string) string { return "container/" + uid + "/" }

// logStream names the kept log of an attempt; the first is that of the execution.
func logStream(uid, execution string, attempt int) string {
	stream := logPrefix(uid) + execution
	if attempt > 1 {
		stream += "." + strconv.Itoa(attempt)
	}
	return stream
}

// keepLog puts the end of a container's output away, once. Without a container
// it says that the output is lost, if there was any.
func (p *pass) keepLog(ctx context.Context, id string) error {
	s := p.obj.Status
	stream := logStream(string(p.obj.Meta.UID), s.ExecutionID, s.Attempts)
	text, err := p.lastWords(ctx, id)
	if err != nil {
		return err
	}
	if len(text) > 0 {
		if _, err := p.Logs.Append(ctx, stream, 0, text); err != nil && !errors.Is(err, api.ErrConflict) {
			return fmt.Errorf("keep the log: %w", err)
		} // a conflict: an earlier pass kept it already
	}
	return p.Logs.Close(ctx, stream)
}

func (p *pass) lastWords(ctx context.Context, id string) ([]byte, error) {
	if id == "" {
		if p.obj.Status.Started == nil {
			return nil, nil
		}
		return []byte("[the container was removed before its log could be kept]\n"), nil
	}
	text, err := readTail(ctx, p.host.engine, id)
	switch {
	case err == nil:
		return text, nil
	case errors.Is(err, docker.ErrUnreachable), ctx.Err() != nil:
		return nil, err
	}
	// A log that can't be read (a log driver that only writes) must not keep a Job from ending.
	return fmt.Appendf(nil, "[the log could not be read: %v]\n", err), nil
}

// readTail reads the end of a container's output, and says what is not in it.
func readTail(ctx context.Context, engine docker.Engine, id string) ([]byte, error) {
	brief, cancel := context.WithTimeout(ctx, readLogTime)
	defer cancel()
	text, err := readLog(brief, engine, id, docker.LogOptions{})
	if err == nil || brief.Err() == nil || ctx.Err() != nil {
		return text, err
	}
	text, err = readLog(ctx, engine, id, docker.LogOptions{Tail: readLogLines})
	return append(fmt.Appendf(nil, "[truncated: the log is too long to be read whole; all before its last %d lines was cut]\n", readLogLines), text...), err
}

func readLog(ctx context.Context, engine docker.Engine, id string, opts docker.LogOptions) ([]byte, error) {
	output, err := engine.Logs(ctx, id, opts)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	var t tail
	if _, err := io.Copy(&t, output); err != nil {
		return nil, err
	}
	return t.bytes(), nil
}

// tail is a Writer that keeps the last keepLogBytes of what is written.
type tail struct {
	kept []byte
	cut  int64 // bytes before kept
}

func (t *tail) Write(data []byte) (int, error) {
	t.kept = append(t.kept, data...)
	if over := len(t.kept) - 2*keepLogBytes; over > 0 { // shift now and then, not each time
		t.shift(len(t.kept) - keepLogBytes)
	}
	return len(data), nil
}

func (t *tail) shift(n int) {
	t.cut += int64(n)
	t.kept = append(t.kept[:0], t.kept[n:]...)
}

// bytes is the kept end, from the start of a character on, with a first line that says how much was cut.
func (t *tail) bytes() []byte {
	if over := len(t.kept) - keepLogBytes; over > 0 {
		t.shift(over)
	}
	if t.cut == 0 {
		return t.kept
	}
	for n := 0; n < utf8.UTFMax && len(t.kept) > 0 && !utf8.RuneStart(t.kept[0]); n++ {
		t.shift(1)
	}
	return append(fmt.Appendf(nil, "[truncated: %d bytes before this were cut]\n", t.cut), t.kept...)
}
