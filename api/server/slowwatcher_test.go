package server_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/powernode/powernode/api/server"
)

const (
	slowChanges = 200
	slowSize    = 64 << 10 // all of them are more than lies in the buffers of a connection
)

// A watcher that reads nothing is cut off, costs nothing but its buffers, and misses nothing when it
// resumes after the last event that had reached it.
func TestASlowWatcherIsCutOffAndMissesNothing(t *testing.T) {
	h := start(t, func(c *server.Config) { c.Limits = server.Limits{Stalled: time.Second} })
	web := httptest.NewServer(h.server)
	defer web.Close()
	from := h.get(widgets).json(t)["metadata"].(map[string]any)["resourceVersion"].(string)
	conn := h.sleeper(web, widgets+"?watch=1&resourceVersion="+from)
	eventually(t, "it watches", func() bool { return !h.noWatches() })
	for n := range slowChanges {
		h.want(h.post(widgets, bigWidget(n)), 201)
	}
	eventually(t, "it is cut off", h.noWatches)

	seen, last := received(t, conn)
	t.Logf("%d events had reached it", seen)
	if last == "" {
		last = from
	}
	if seen == slowChanges {
		t.Fatal("all events lay in the connection's buffers: nothing was slow")
	}
	for w := h.stream(widgets + "?watch=1&resourceVersion=" + last); seen < slowChanges; seen++ {
		if got := w.next("ADDED").object(w); got.Name != fmt.Sprintf("w%d", seen) {
			t.Fatalf("event %d after resuming is about %s", seen, got.Name)
		}
	}
}

func bigWidget(n int) string {
	return fmt.Sprintf(`{"apiVersion":"test.powernode.io/v1","kind":"Widget","metadata":{"name":"w%d","annotations":{"x":%q}},"spec":{"size":1}}`,
		n, strings.Repeat("x", slowSize))
}

// sleeper is a connection whose client asks for a watch and reads nothing for now.
func (h *harness) sleeper(web *httptest.Server, path string) net.Conn {
	h.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(web.URL, "http://"))
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { conn.Close() })
	_ = conn.(*net.TCPConn).SetReadBuffer(64 << 10)
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", path, adminToken)
	return conn
}

// received is how many whole events had reached a connection, in order, and the resourceVersion of the last.
func received(t *testing.T, conn net.Conn) (n int, last string) {
	t.Helper()
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 20) // it makes haste now
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewReader(res.Body); ; n++ {
		line, err := lines.ReadString('\n')
		if err != nil {
			return n, last
		}
		_, rest, _ := strings.Cut(line, `"resourceVersion":"`)
		last, _, _ = strings.Cut(rest, `"`)
		if !strings.Contains(line, fmt.Sprintf(`"name":"w%d"`, n)) {
			t.Fatalf("event %d is %.200s", n, line)
		}
	}
}
