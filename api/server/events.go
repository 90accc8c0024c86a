package server

import (
	"encoding/json"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// eventWriter writes the events of one watch to its wire.
type eventWriter struct {
	s      *Server
	r      *request
	wire   wire
	headed bool  // the columns of a table were sent
	failed error // what the last event told
}

// start sends the header at once, and the initial events; initial is nil when
// the client wants none.
func (w *eventWriter) start(initial []*api.Object, from store.Revision, o *internalversion.ListOptions) error {
	if err := w.wire.open(); err != nil {
		return err
	}
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
	return w.wire.flush()
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
		return w.wire.send(line, at)
	}
	f := w.r.form
	f.media = ""
	line, err := w.s.events.get(keyOf(obj, f, event), func() ([]byte, error) {
		return w.encode(event, obj, nil)
	})
	if err != nil {
		return err
	}
	return w.wire.send(line, at)
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
	return w.wire.send(line, at)
}

// lose tells a client that it has to start anew, as the first event and the last.
func (w *eventWriter) lose(err error) error {
	if w.wire.open() == nil {
		_ = w.fail(err) // the stream ends here in any case
	}
	return nil
}

// fail ends the stream with the Status of an error. A browser that comes back
// after it starts anew.
func (w *eventWriter) fail(err error) error {
	w.failed = err
	raw, err := json.Marshal(statusOf(err, infoOf(w.r.echo)))
	if err != nil {
		return err
	}
	if err := w.wire.forget(); err != nil {
		return err
	}
	if err := w.wire.send(eventLine("ERROR", raw), 0); err != nil {
		return err
	}
	return w.wire.flush()
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
