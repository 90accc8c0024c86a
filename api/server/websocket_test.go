package server_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api/server"
)

// socket is a WebSocket watch of a client like a browser.
type socket struct {
	*harness
	conn *websocket.Conn
}

func (h *harness) dial(path string, header http.Header, protocols ...string) (*websocket.Conn, *http.Response, error) {
	h.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return websocket.Dial(ctx, "wss"+strings.TrimPrefix(h.URL, "https")+path, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: h.transport()}, HTTPHeader: header, Subprotocols: protocols,
	})
}

func bearer() http.Header { return http.Header{"Authorization": {"Bearer " + adminToken}} }

func (h *harness) socket(path string) *socket {
	h.Helper()
	conn, _, err := h.dial(path, bearer())
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { conn.CloseNow() })
	return &socket{h, conn}
}

func (s *socket) read() (websocket.MessageType, string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	kind, data, err := s.conn.Read(ctx)
	return kind, string(data), err
}

// next is the next event, which must be of the type and one text frame.
func (s *socket) next(eventType string) event {
	s.Helper()
	kind, data, err := s.read()
	if err != nil {
		s.Fatal(err)
	}
	var e event
	if err := json.Unmarshal([]byte(data), &e); err != nil || kind != websocket.MessageText || e.Type != eventType || strings.HasSuffix(data, "\n") {
		s.Fatalf("got %v %q, want %s", kind, data, eventType)
	}
	return e
}

// closed wants the server to close with a code.
func (s *socket) closed(code websocket.StatusCode) {
	s.Helper()
	_, data, err := s.read()
	if websocket.CloseStatus(err) != code {
		s.Fatalf("got %q, %v, want %v", data, err, code)
	}
}

func TestWebSocketWatch(t *testing.T) {
	h := start(t)
	h.widget("a", 1)
	w := h.socket(widgets + "?watch=1&allowWatchBookmarks=true")
	contains(t, "initial", string(w.next("ADDED").Object), `"name":"a"`)
	w.next("BOOKMARK")
	h.widget("b", 1)
	h.want(h.do("DELETE", widgets+"/a", ""), 200)
	contains(t, "live", string(w.next("ADDED").Object), `"name":"b"`)
	contains(t, "live", string(w.next("DELETED").Object), `"name":"a"`)
	if err := w.conn.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil { // is dropped
		t.Error(err)
	}
	h.widget("c", 1)
	w.next("ADDED")

	table, _, err := h.dial(widgets+"?watch=1", http.Header{"Authorization": {"Bearer " + adminToken}, "Accept": {tableAccept}})
	if err != nil {
		t.Fatal(err)
	}
	defer table.CloseNow()
	contains(t, "table", string((&socket{h, table}).next("ADDED").Object), `"kind":"Table"`)
}

func TestWebSocketTokenAsSubprotocol(t *testing.T) {
	h := start(t)
	h.widget("a", 1)
	token := func(s string) string {
		return "base64url.bearer.authorization.k8s.io." + base64.RawURLEncoding.EncodeToString([]byte(s))
	}
	conn, res, err := h.dial(widgets+"?watch=1", nil, token(adminToken), "v1.powernode.io")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	(&socket{h, conn}).next("ADDED")
	if got := res.Header.Get("Sec-WebSocket-Protocol"); got != "v1.powernode.io" {
		t.Errorf("answered with the subprotocol %q", got)
	}
	for _, c := range []struct {
		code      int
		protocols []string
	}{
		{401, []string{token("wrong"), "x"}},
		{401, []string{token(adminToken)}}, // there is none to answer with
		{401, []string{token(adminToken), token(adminToken), "x"}},
		{401, []string{"base64url.bearer.authorization.k8s.io.+++", "x"}},
		{401, []string{"x"}},
		{403, []string{token(guestToken), "x"}},
	} {
		conn, res, err := h.dial(widgets+"?watch=1", nil, c.protocols...)
		if err == nil {
			conn.CloseNow()
		}
		if res == nil || res.StatusCode != c.code {
			t.Errorf("%d protocols: %v %v, want %d", len(c.protocols), res, err, c.code)
		}
	}
	if got := h.get(widgets, "Authorization", "", "Sec-WebSocket-Protocol", token(adminToken)+", x"); got.code != 401 {
		t.Errorf("an ordinary request with a token as subprotocol: %s", got)
	}
}

func TestWebSocketHandshake(t *testing.T) {
	h := start(t)
	upgrade := []string{"Connection", "keep-alive, Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}
	with := func(more ...string) []string { return append(append([]string{}, upgrade...), more...) }
	h.refused(h.get(widgets+"?watch=1", with("Origin", "https://elsewhere.example")...), 403, metav1.StatusReasonForbidden, "elsewhere.example")
	h.refused(h.get(widgets+"?watch=1", with("Origin", "null")...), 403, metav1.StatusReasonForbidden, "null")
	h.refused(h.get(widgets+"?watch=1", with("Sec-WebSocket-Version", "8")...), 400, metav1.StatusReasonBadRequest, "version 13")
	h.refused(h.get(widgets+"?watch=1&fieldSelector=spec.size=1", upgrade...), 400, metav1.StatusReasonBadRequest, "field label not supported")
	h.want(h.get(widgets, upgrade...), 200) // a list is a list
	header := bearer()
	header.Set("Origin", h.URL)
	conn, _, err := h.dial(widgets+"?watch=1", header)
	if err != nil {
		t.Fatal(err)
	}
	conn.CloseNow()
}

func TestWebSocketCloseCodes(t *testing.T) {
	gone := &flakyStore{}
	h := start(t, func(c *server.Config) { gone.Store, c.Store = c.Store, gone })
	h.socket(widgets + "?watch=1&timeoutSeconds=1").closed(websocket.StatusNormalClosure)

	w := h.socket(widgets + "?watch=1")
	w.conn.Close(websocket.StatusNormalClosure, "enough")
	eventually(t, "the watch of a client that closed is over", h.noWatches)
	gone.expired.Store(true)
	w = h.socket(widgets + "?watch=1&resourceVersion=1")
	contains(t, "error", string(w.next("ERROR").Object), `"code":410`)
	w.closed(websocket.StatusInternalError)
	gone.expired.Store(false)

	h.widget("a", 1)
	w = h.socket(widgets + "?watch=1&resourceVersion=1&fieldSelector=metadata.name=a")
	w.next("ADDED")
	h.server.Drain()
	w.closed(websocket.StatusGoingAway)
}

func (h *harness) noWatches() bool {
	body := h.get("/metrics").body
	return !strings.Contains(body, `powernode_api_watches{resource="widgets"}`) || strings.Contains(body, `powernode_api_watches{resource="widgets"} 0`)
}

// The server waits a minute for the answer to a ping, but not when there is nobody to give it.
func TestWebSocketGoneWhilePinged(t *testing.T) {
	h := start(t, func(c *server.Config) { c.Heartbeat = 10 * time.Millisecond })
	pinged := make(chan struct{}, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "wss"+strings.TrimPrefix(h.URL, "https")+widgets+"?watch=1", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: h.transport()}, HTTPHeader: bearer(),
		OnPingReceived: func(context.Context, []byte) bool { pinged <- struct{}{}; return false },
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _, _ = conn.Read(ctx) }()
	<-pinged
	conn.CloseNow()
	eventually(t, "the watch of a client that is gone is over", h.noWatches)
}

func TestWebSocketPings(t *testing.T) {
	h := start(t, func(c *server.Config) { c.Heartbeat = 10 * time.Millisecond })
	pinged := make(chan struct{}, 1000)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "wss"+strings.TrimPrefix(h.URL, "https")+widgets+"?watch=1", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: h.transport()}, HTTPHeader: bearer(),
		OnPingReceived: func(context.Context, []byte) bool { pinged <- struct{}{}; return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	reading := make(chan error, 1)
	go func() { _, _, err := conn.Read(ctx); reading <- err }()
	for range 3 {
		<-pinged
	}
	h.want(h.get("/metrics"), 200)
	conn.CloseNow()
	if err := <-reading; err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	eventually(t, "the watch of a client that is gone is over", h.noWatches)
}
