package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// writeWithin is how long a client may take to read what it is sent, before it
// is taken for gone.
const writeWithin = time.Minute

// eventWriter writes the events of one watch: a JSON document a line, or
// server-sent events.
type eventWriter struct {
	s       *Server
	r       *request
	control *http.ResponseController
	headed  bool // the columns of a table were sent
}

func (s *Server) newEventWriter(r *request) *eventWriter {
	return &eventWriter{s: s, r: r, control: http.NewResponseController(r.echo.Response())}
}

// start sends the header at once, and the initial events; initial is nil when
// the client wants none.
func (w *eventWriter) start(initial []*api.Object, from store.Revision, o *internalversion.ListOptions) error {
	h := w.r.echo.Response().Header()
	h.Set(echo.HeaderContentType, w.r.form.contentType())
	h.Set(echo.HeaderCacheControl, "no-cache, private")
	h.Set("X-Accel-Buffering", "no")
	w.r.echo.Response().WriteHeader(http.StatusOK)
	for _, obj := range initial {
		if err := w.send(string(store.Added), obj, 0); err != nil {
			return err
		}
	}
	if initial != nil && (o.AllowWatchBookmarks || w.sse()) {
		notes, err := w.endOfInitial()
		if err != nil {
			return err
		}
		if err := w.bookmark(from, notes); err != nil {
			return err
		}
	}
	return w.flush()
}

func (w *eventWriter) sse() bool { return w.r.form.media == mediaEvents }

// send writes a change of an object. A revision of 0 is no place to resume from.
func (w *eventWriter) send(event string, obj *api.Object, at store.Revision) error {
	if w.r.form.table() && !w.headed {
		w.headed = true
		line, err := w.encode(event, obj, columns(w.r.kind))
		if err != nil {
			return err
		}
		return w.write(line, at)
	}
	f := w.r.form
	f.media = ""
	line, err := w.s.encodings.get(encodingKey{obj: obj, form: f, event: event}, func() ([]byte, error) {
		return w.encode(event, obj, nil)
	})
	if err != nil {
		return err
	}
	return w.write(line, at)
}

// bookmark tells how far the watch has come.
func (w *eventWriter) bookmark(at store.Revision, annotations map[string]string) error {
	mark := &api.Object{
		TypeMeta:   metav1.TypeMeta{APIVersion: w.r.kind.APIVersion(), Kind: w.r.kind.Kind},
		ObjectMeta: metav1.ObjectMeta{ResourceVersion: at.String(), Annotations: annotations},
	}
	line, err := w.encode(string(store.Bookmark), mark, nil)
	if err != nil {
		return err
	}
	return w.write(line, at)
}

// fail ends the stream with the Status of an error. A browser that comes back
// after it starts anew.
func (w *eventWriter) fail(err error) error {
	raw, err := json.Marshal(statusOf(err, infoOf(w.r.echo)))
	if err != nil {
		return err
	}
	if w.sse() {
		if _, err := w.r.echo.Response().Write([]byte("id\n")); err != nil {
			return err
		}
	}
	if err := w.write(eventLine("ERROR", raw), 0); err != nil {
		return err
	}
	return w.flush()
}

// encode is an event as a line; columns go with the first one of a table.
func (w *eventWriter) encode(event string, obj *api.Object, columns []metav1.TableColumnDefinition) ([]byte, error) {
	if !w.r.form.table() {
		data, err := w.s.object(obj, w.r.form)
		return eventLine(event, data), err
	}
	row, err := w.s.row(w.r.kind, w.r.form, obj, time.Now())
	if err != nil {
		return nil, err
	}
	t := newTable(w.r.form, metav1.ListMeta{ResourceVersion: obj.ResourceVersion}, columns)
	t.Rows = append(t.Rows, row)
	data, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("encode table: %w", err)
	}
	return eventLine(event, data), nil
}

func eventLine(event string, object []byte) []byte {
	line := make([]byte, 0, len(object)+48)
	line = fmt.Appendf(line, `{"type":%q,"object":`, event)
	return append(append(line, object...), "}\n"...)
}

// write sends a line; the caller flushes.
func (w *eventWriter) write(line []byte, at store.Revision) error {
	_ = w.control.SetWriteDeadline(time.Now().Add(writeWithin)) // not every writer has one
	if !w.sse() {
		_, err := w.r.echo.Response().Write(line)
		return err
	}
	return writeSSE(w.r.echo.Response(), line, at)
}

func (w *eventWriter) flush() error { return w.control.Flush() }

// end leaves the connection as it was found, for the next request on it.
func (w *eventWriter) end() { _ = w.control.SetWriteDeadline(time.Time{}) }
