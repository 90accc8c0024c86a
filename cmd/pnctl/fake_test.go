package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
)

// fakeServer speaks the paths of one run and its logs, and cuts connections on demand.
type fakeServer struct {
	*httptest.Server
	mu      sync.Mutex
	changed chan struct{}
	states  []*api.Object // the run's, revision n at n-1
	logs    map[string]string
	closed  map[string]bool
	// cutAfter, when positive, breaks every answer that lasts after so many bytes of its log.
	cutAfter int
	// refuse answers so many requests with 503.
	refuse   int
	requests []string
}

func newFake(t *testing.T) *fakeServer {
	f := &fakeServer{changed: make(chan struct{}), logs: map[string]string{}, closed: map[string]bool{}}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(func() {
		f.CloseClientConnections()
		f.Close()
	})
	return f
}

func (f *fakeServer) client(t *testing.T) *client {
	c, err := clientFor(&rest.Config{Host: f.URL}, "default")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// post makes a new state of the run.
func (f *fakeServer) post(status v1.PipelineRunStatus) {
	f.change(func() {
		raw, _ := json.Marshal(status)
		o := &api.Object{
			TypeMeta:   metav1.TypeMeta{APIVersion: api.APIVersion, Kind: "PipelineRun"},
			ObjectMeta: metav1.ObjectMeta{Name: "build-1", Namespace: "default", ResourceVersion: strconv.Itoa(len(f.states) + 1)},
			Spec:       json.RawMessage(`{"pipelineRef":{"name":"build"}}`), Status: raw,
		}
		f.states = append(f.states, o)
	})
}

// write adds to a log; end closes it.
func (f *fakeServer) write(step string, attempt int, text string) {
	f.change(func() { f.logs[logName(step, attempt)] += text })
}

func (f *fakeServer) end(step string, attempt int) {
	f.change(func() { f.closed[logName(step, attempt)] = true })
}

func logName(step string, attempt int) string { return fmt.Sprintf("%s/%d", step, attempt) }

func (f *fakeServer) change(how func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	how()
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fakeServer) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, r.Method+" "+r.URL.RequestURI())
	refused := f.refuse > 0
	if refused {
		f.refuse--
	}
	f.mu.Unlock()
	const base = "/apis/powernode.io/v1/namespaces/default/"
	path, query := strings.TrimPrefix(r.URL.Path, base), r.URL.Query()
	switch {
	case refused:
		http.Error(w, "starting", http.StatusServiceUnavailable)
	case path == "pipelineruns" && query.Get("watch") == "true":
		f.watch(w, r)
	case path == "pipelineruns/build-1" && r.Method == http.MethodGet:
		f.mu.Lock()
		defer f.mu.Unlock()
		json.NewEncoder(w).Encode(f.states[len(f.states)-1])
	case path == "pipelineruns/build-1/log":
		f.log(w, r)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404,"message":"%s not found"}`, path)
	}
}

func (f *fakeServer) watch(w http.ResponseWriter, r *http.Request) {
	from, _ := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	w.(http.Flusher).Flush()
	for {
		f.mu.Lock()
		states, changed := f.states, f.changed
		f.mu.Unlock()
		for ; from < len(states); from++ {
			json.NewEncoder(w).Encode(map[string]any{"type": "MODIFIED", "object": states[from]})
			w.(http.Flusher).Flush()
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

func (f *fakeServer) log(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	offset, _ := strconv.Atoi(q.Get("offset"))
	name := q.Get("step") + "/" + q.Get("attempt")
	w.(http.Flusher).Flush()
	for sent := 0; ; {
		f.mu.Lock()
		text, closed, changed, cut := f.logs[name], f.closed[name], f.changed, f.cutAfter
		f.mu.Unlock()
		part := text[offset:]
		if cut > 0 && sent+len(part) > cut {
			part = part[:cut-sent]
		}
		fmt.Fprint(w, part)
		w.(http.Flusher).Flush()
		offset, sent = offset+len(part), sent+len(part)
		if cut > 0 && sent >= cut {
			panic(http.ErrAbortHandler)
		}
		if closed || q.Get("follow") != "true" {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}
