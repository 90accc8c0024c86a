package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// patience bounds one attempt; what has not been answered by then has an unknown outcome.
const patience = 5 * time.Second

// lanes are the values of the label that followers select by. Who follows the last one is
// told little, and so gets bookmarks.
var lanes = [...]string{"a", "b", "rare"}

// Writer changes objects through random servers, one attempt after the other, and notes them.
type Writer struct {
	ID     int
	Nodes  []*Node
	Record *Record
	Random *rand.Rand
	Pause  time.Duration // between two attempts, on average

	http  *http.Client
	count int // of ids
}

// run makes attempts until ctx ends. The last of them is not cut off by that.
func (w *Writer) run(ctx context.Context, attempt func(context.Context)) {
	w.http = newHTTP()
	defer w.http.CloseIdleConnections()
	for ctx.Err() == nil {
		attempt(context.WithoutCancel(ctx))
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(w.Random.Int64N(int64(2 * w.Pause)))):
		}
	}
}

func (w *Writer) call(ctx context.Context, method, path string, body any) answer {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return call(ctx, w.http, w.Nodes[w.Random.IntN(len(w.Nodes))], method, path, body)
}

// write makes an attempt to bring an object into a state, and notes it.
func (w *Writer) write(ctx context.Context, method, path string, o Object) answer {
	before := w.Record.acknowledged()
	a := w.call(ctx, method, path, o)
	w.Record.wrote(method, o.Data[idKey], o.Metadata.Name, before, a)
	return a
}

// id names a write.
func (w *Writer) id() string {
	w.count++
	return fmt.Sprintf("w%d-%d", w.ID, w.count)
}

func (w *Writer) lane() string {
	if w.Random.IntN(25) == 0 {
		return lanes[len(lanes)-1]
	}
	return lanes[w.Random.IntN(len(lanes)-1)]
}

// Counters increments some of them by compare-and-swap, until ctx ends. It makes those that are not there.
func (w *Writer) Counters(ctx context.Context, names []string) {
	known := map[string]Object{}
	w.run(ctx, func(ctx context.Context) {
		name := names[w.Random.IntN(len(names))]
		o, have := known[name]
		if !have {
			known[name], have = w.find(ctx, name)
			if !have {
				delete(known, name)
			}
			return
		}
		if a := w.increment(ctx, o); a.verdict == Done {
			known[name] = a.object
		} else {
			delete(known, name)
		}
	})
}

// find reads a counter, or makes it.
func (w *Writer) find(ctx context.Context, name string) (Object, bool) {
	a := w.call(ctx, http.MethodGet, collection+"/"+name, nil)
	w.Record.answered(http.MethodGet, a)
	if a.code == http.StatusNotFound {
		o := newObject(name, w.id(), w.lane())
		o.Data[countKey] = "0"
		a = w.write(ctx, http.MethodPost, collection, o)
	}
	return a.object, a.verdict == Done
}

func (w *Writer) increment(ctx context.Context, o Object) answer {
	n, err := strconv.Atoi(o.Data[countKey])
	if err != nil {
		return answer{verdict: Nothing} // the check of the counter tells
	}
	next := newObject(o.Metadata.Name, w.id(), w.lane())
	next.Metadata.ResourceVersion, next.Metadata.UID = o.Metadata.ResourceVersion, o.Metadata.UID
	next.Data[countKey] = strconv.Itoa(n + 1)
	a := w.write(ctx, http.MethodPut, collection+"/"+o.Metadata.Name, next)
	w.Record.counted(o.Metadata.Name, a.verdict)
	return a
}
