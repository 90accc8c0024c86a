package server

import (
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/powernode/powernode/store"
)

// wire is how the events of a watch reach its client. Its methods are called by one goroutine at a time.
type wire interface {
	// open sends the header.
	open() error
	// send gives out one event, a line of JSON; at is where a client can resume after it, 0 for nowhere.
	send(line []byte, at store.Revision) error
	// forget tells a client that what it would resume from is worth nothing.
	forget() error
	// flush has all that was sent go out.
	flush() error
	// close ends the stream; why is nil when it ended as it should.
	close(why error)
}

// wireOf is the wire that the client of a watch asks for.
func (s *Server) wireOf(r *request, cancel func()) wire {
	if isWebSocket(r.http) {
		return &webSocket{r: r, cancel: cancel, beat: s.heartbeat(), stalled: s.limits.stalled}
	}
	l := &lines{to: r.echo.Response(), control: http.NewResponseController(r.echo.Response()), media: r.form.contentType(), stalled: s.limits.stalled, keeps: r.http.ProtoMajor == 1}
	if r.form.media == mediaEvents {
		return &sse{lines: l, beat: s.heartbeat()}
	}
	return l
}

// heartbeat is how often a stream to a browser shows that it is alive.
func (s *Server) heartbeat() time.Duration {
	if s.cfg.Heartbeat > 0 {
		return s.cfg.Heartbeat
	}
	return 15 * time.Second
}

// lines is a JSON document a line.
type lines struct {
	to      *echo.Response
	control *http.ResponseController
	media   string
	stalled time.Duration
	// keeps says that a deadline may stay while nothing is written. HTTP/2 resets a
	// stream when its deadline is over, however long all has been read by then.
	keeps bool
	until time.Time // the deadline, if there is one
}

func (l *lines) open() error {
	h := l.to.Header()
	h.Set(echo.HeaderContentType, l.media)
	h.Set(echo.HeaderCacheControl, "no-cache, private")
	h.Set("X-Accel-Buffering", "no")
	l.to.WriteHeader(http.StatusOK)
	return nil
}

func (l *lines) send(line []byte, _ store.Revision) error { return l.write(line) }

func (l *lines) write(parts ...[]byte) error {
	l.allow()
	for _, part := range parts {
		if _, err := l.to.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// allow gives the client its time to read what is written next. To set a deadline costs as much as
// all else that is done for a watcher of an event but the write: one that is far enough away will do.
func (l *lines) allow() {
	now := time.Now()
	if l.until.Sub(now) < l.stalled {
		l.until = now.Add(2 * l.stalled)
		if !l.keeps {
			l.until = now.Add(l.stalled)
		}
		_ = l.control.SetWriteDeadline(l.until) // not every writer has one
	}
}

func (l *lines) forget() error { return nil }

func (l *lines) flush() error {
	err := l.control.Flush()
	if !l.keeps {
		l.release()
	}
	return err
}

// close leaves the connection as it was found, for the next request on it.
func (l *lines) close(error) { l.release() }

func (l *lines) release() {
	l.until = time.Time{}
	_ = l.control.SetWriteDeadline(l.until)
}

// sse is server-sent events, for a browser's EventSource: its data is the same JSON as in a
// watch. The id is the revision, which the browser sends as Last-Event-ID when it comes
// back; the events of the initial state have none, as nothing can be resumed in the middle of them.
type sse struct {
	*lines
	beat time.Duration

	mu   sync.Mutex // beats come from beside the watch
	stop func()
}

// sseRetry has the browser come back after two seconds when the stream ends.
const sseRetry = "retry: 2000\n\n"

func (e *sse) open() error {
	if err := e.lines.open(); err != nil {
		return err
	}
	e.stop = every(e.beat, e.comment)
	return e.locked(func() error { return e.write([]byte(sseRetry)) })
}

func (e *sse) send(line []byte, at store.Revision) error {
	return e.locked(func() error {
		if at > 0 {
			if _, err := io.WriteString(e.to, "id: "+at.String()+"\n"); err != nil {
				return err
			}
		}
		return e.write([]byte("data: "), line, []byte("\n")) // the line ends with its own newline
	})
}

// forget: an id without a value is none, so that the browser starts anew.
func (e *sse) forget() error { return e.locked(func() error { return e.write([]byte("id\n")) }) }
func (e *sse) flush() error  { return e.locked(e.lines.flush) }

// comment is for those on the way that cut connections which look dead.
func (e *sse) comment() {
	_ = e.locked(func() error {
		if err := e.write([]byte(":\n\n")); err != nil {
			return err
		}
		return e.lines.flush()
	})
}

func (e *sse) close(why error) {
	if e.stop != nil {
		e.stop()
	}
	e.lines.close(why)
}

func (e *sse) locked(do func() error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return do()
}

// every calls beat again and again until stop is called, which waits for the last.
func every(d time.Duration, beat func()) (stop func()) {
	ticker, over := time.NewTicker(d), make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-ticker.C:
				beat()
			case <-over:
				return
			}
		}
	})
	return func() {
		ticker.Stop()
		close(over)
		running.Wait()
	}
}
