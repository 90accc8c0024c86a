package server_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/server"
	"github.com/powernode/powernode/schemas"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/memory"
)

const (
	adminToken  = "admin-token-of-this-test"
	runnerToken = "runner-token-of-this-test"
	guestToken  = "guest-token-of-this-test"
	widgets     = "/apis/test.powernode.io/v1/namespaces/default/widgets"
	allWidgets  = "/apis/test.powernode.io/v1/widgets"
	widgetKind  = "Widget.test.powernode.io"
)

// harness is a server over a memory store behind a real listener.
type harness struct {
	testing.TB
	URL    string
	store  store.Store
	tasks  *memory.Tasks
	logs   *memory.Logs
	blobs  *memory.Blobs
	server *server.Server
	ca     *x509.Certificate
}

// start makes a server with the core kinds, Widget and the namespace default;
// change, if any, adds to its configuration.
func start(t testing.TB, change ...func(*server.Config)) *harness {
	t.Helper()
	h := &harness{TB: t, tasks: &memory.Tasks{}, logs: &memory.Logs{}, blobs: &memory.Blobs{}}
	cfg := server.Config{
		Store: &memory.Store{}, Tasks: h.tasks, Logs: h.logs, Blobs: h.blobs,
		Kinds: testKinds(t),
		Authenticate: server.Tokens(map[string]server.User{
			adminToken:  {Name: "admin", Groups: []string{server.Masters}},
			runnerToken: {Name: "runner-1", Groups: []string{server.Runners}},
			guestToken:  {Name: "guest"},
		}),
	}
	for _, c := range change {
		c(&cfg)
	}
	var err error
	if h.server, err = server.New(cfg); err != nil {
		t.Fatal(err)
	}
	h.store = cfg.Store
	h.run(h.server, cfg.Store)
	web := httptest.NewTLSServer(h.server)
	t.Cleanup(func() {
		h.server.Drain()
		web.Close()
	})
	h.URL, h.ca = web.URL, web.Certificate()
	if a := h.post("/api/v1/namespaces", `{"metadata":{"name":"default"}}`); a.code != 409 { // there before, in a store that others use
		h.want(a, 201)
	}
	return h
}

// run keeps a server up with its store, which gets the default roles, until the test ends.
func (h *harness) run(s *server.Server, objects store.Store) {
	h.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	if err := server.SeedRoles(ctx, objects); err != nil {
		h.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	h.Cleanup(func() {
		cancel()
		<-done
	})
}

func testKinds(t testing.TB) []*schemas.Kind {
	t.Helper()
	kinds, err := parseKinds()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(kinds)
}

// parseKinds reads the schemas once: kinds are for reading, and hundreds of tests share them.
var parseKinds = sync.OnceValues(func() (kinds []*schemas.Kind, err error) {
	files, err := filepath.Glob("../../schemas/core/*.yaml")
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no schemas of the core kinds: %w", err)
	}
	for _, file := range append(files, "testdata/widgets.yaml") {
		kind, err := parseKind(file)
		if err != nil {
			return nil, err
		}
		kinds = append(kinds, kind)
	}
	return kinds, nil
})

func parseKind(file string) (*schemas.Kind, error) {
	doc, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	kind, err := schemas.Parse(doc)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return kind, nil
}

// withKind adds the kind that a file defines to the server.
func withKind(t testing.TB, file string) func(*server.Config) {
	t.Helper()
	kind, err := parseKind(file)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *server.Config) { c.Kinds = append(c.Kinds, kind) }
}

// answer is a response that was read to its end.
type answer struct {
	code   int
	header http.Header
	body   string
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.code, strings.TrimSpace(a.body)) }

// json is the body as a document.
func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
		t.Fatalf("not JSON: %v: %s", err, a.body)
	}
	return doc
}

func (a answer) status(t testing.TB) metav1.Status {
	t.Helper()
	var st metav1.Status
	if err := json.Unmarshal([]byte(a.body), &st); err != nil || st.Kind != "Status" {
		t.Fatalf("not a Status: %v: %s", err, a)
	}
	return st
}

func (a answer) object(t testing.TB) *api.Object {
	t.Helper()
	obj := &api.Object{}
	if err := json.Unmarshal([]byte(a.body), obj); err != nil {
		t.Fatalf("not an object: %v: %s", err, a)
	}
	return obj
}

// request is sent as the admin; header has pairs.
func (h *harness) request(method, path, body string, header ...string) *http.Request {
	h.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, h.URL+path, strings.NewReader(body))
	if err != nil {
		h.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+adminToken)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func (h *harness) do(method, path, body string, header ...string) answer {
	h.Helper()
	res, err := h.transport().RoundTrip(h.request(method, path, body, header...))
	if err != nil {
		h.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		h.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(raw)}
}

// transport sends requests as they are: no compression of its own.
func (h *harness) transport() http.RoundTripper {
	tr := http.DefaultTransport.(*http.Transport).Clone()
	tr.DisableCompression = true
	tr.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool()}
	tr.TLSClientConfig.RootCAs.AddCert(h.ca)
	tr.DisableKeepAlives = true
	return tr
}

func (h *harness) get(path string, header ...string) answer {
	h.Helper()
	return h.do("GET", path, "", header...)
}

func (h *harness) post(path, body string, header ...string) answer {
	h.Helper()
	return h.do("POST", path, body, append([]string{"Content-Type", "application/json"}, header...)...)
}

func (h *harness) put(path, body string) answer {
	h.Helper()
	return h.do("PUT", path, body, "Content-Type", "application/json")
}

func (h *harness) merge(path, body string) answer {
	h.Helper()
	return h.do("PATCH", path, body, "Content-Type", "application/merge-patch+json")
}

// want fails the test unless the answer has the code.
func (h *harness) want(a answer, code int) answer {
	h.Helper()
	if a.code != code {
		h.Fatalf("got %s, want %d", a, code)
	}
	return a
}

// refused checks code, reason and a part of the message of an error.
func (h *harness) refused(a answer, code int, reason metav1.StatusReason, message string) metav1.Status {
	h.Helper()
	st := h.want(a, code).status(h)
	if st.Reason != reason || !strings.Contains(st.Message, message) || st.Code != int32(code) || st.Status != "Failure" {
		h.Fatalf("got %s %q, want %s with %q", st.Reason, st.Message, reason, message)
	}
	return st
}

// widget creates a Widget.
func (h *harness) widget(name string, size int) *api.Object {
	h.Helper()
	return h.want(h.post(widgets, widgetBody(name, size)), 201).object(h)
}

func widgetBody(name string, size int) string {
	return fmt.Sprintf(`{"apiVersion":"test.powernode.io/v1","kind":"Widget","metadata":{"name":%q},"spec":{"size":%d}}`, name, size)
}

// eventually waits for a condition with a generous deadline.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// syncBuffer is a bytes.Buffer for several goroutines.
type syncBuffer struct {
	mu  chan struct{}
	buf bytes.Buffer
}

func newSyncBuffer() *syncBuffer { return &syncBuffer{mu: make(chan struct{}, 1)} }

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu <- struct{}{}
	defer func() { <-b.mu }()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu <- struct{}{}
	defer func() { <-b.mu }()
	return b.buf.String()
}
