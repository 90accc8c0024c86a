package server

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
)

// deadlines is a response whose client is expected to read in time.
type deadlines struct {
	*httptest.ResponseRecorder
	set     []time.Time
	largest int
}

func (d *deadlines) SetWriteDeadline(t time.Time) error { d.set = append(d.set, t); return nil }

func (d *deadlines) Write(data []byte) (int, error) {
	d.largest = max(d.largest, len(data))
	return d.ResponseRecorder.Write(data)
}

// Each piece of an answer has its own time: what is not read in it is not held for ever.
func TestAnAnswerIsReadPieceByPieceInTime(t *testing.T) {
	d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	p := &patient{d, http.NewResponseController(d), time.Minute}
	body := bytes.Repeat([]byte("x"), 3*patientPiece+1)
	if n, err := p.Write(body); err != nil || n != len(body) || !bytes.Equal(d.Body.Bytes(), body) {
		t.Fatalf("wrote %d: %v", n, err)
	}
	if len(d.set) != 4 || d.largest != patientPiece || time.Until(d.set[3]) > time.Minute || time.Until(d.set[3]) < 0 {
		t.Errorf("deadlines %v, pieces up to %d", d.set, d.largest)
	}
	if p.end(); !d.set[len(d.set)-1].IsZero() {
		t.Error("the deadline stays on the connection")
	}
}

// A watch may be quiet for longer than its client may take to read.
func TestAQuietStreamHasNoDeadline(t *testing.T) {
	d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	l := &lines{to: echo.NewResponse(d, echo.New()), control: http.NewResponseController(d)}
	for range 2 {
		if err := l.send([]byte("{}\n"), 1); err != nil {
			t.Fatal(err)
		}
		if last := d.set[len(d.set)-1]; last.IsZero() {
			t.Error("an event may be read whenever")
		}
		if err := l.flush(); err != nil || !d.set[len(d.set)-1].IsZero() {
			t.Errorf("after a flush the deadline is %v (%v)", d.set[len(d.set)-1], err)
		}
	}
}

// Over HTTP/1 a deadline that is far enough away is left as it is: to set one costs as much as an event.
func TestADeadlineIsSetOnceForManyEvents(t *testing.T) {
	d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	l := &lines{to: echo.NewResponse(d, echo.New()), control: http.NewResponseController(d), stalled: time.Hour, keeps: true}
	for range 50 {
		if err := l.send([]byte("{}\n"), 1); err != nil {
			t.Fatal(err)
		}
		if err := l.flush(); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.set) != 1 || time.Until(d.set[0]) < l.stalled {
		t.Errorf("for 50 events the deadlines %v were set", d.set)
	}
	l.until = time.Now().Add(l.stalled - time.Minute) // time passes
	if err := l.send([]byte("{}\n"), 1); err != nil || time.Until(d.set[len(d.set)-1]) < l.stalled {
		t.Errorf("a client has until %v for an event (%v)", d.set[len(d.set)-1], err)
	}
	if l.close(nil); !d.set[len(d.set)-1].IsZero() {
		t.Error("the deadline stays on the connection")
	}
}
