package server_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/powernode/powernode/api/server"
)

const (
	crowd        = 1000
	crowdChanges = 20
)

// A thousand watchers get every change each, and leave nothing behind.
func TestAThousandWatchers(t *testing.T) {
	h := start(t)
	web := httptest.NewServer(h.server)
	defer web.Close()
	client := &http.Client{Transport: &http.Transport{}}
	before := runtime.NumGoroutine()
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	base := memory.HeapAlloc

	var open, done sync.WaitGroup
	got := make([]int, crowd)
	for i := range crowd {
		open.Add(1)
		done.Go(func() {
			r := h.request("GET", "", "")
			r.URL.Scheme, r.URL.Host, r.URL.Path, r.URL.RawQuery = "http", strings.TrimPrefix(web.URL, "http://"), widgets, "watch=1&resourceVersion=1"
			res, err := client.Do(r)
			open.Done()
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			for lines := bufio.NewScanner(res.Body); got[i] < crowdChanges && lines.Scan(); got[i]++ {
				if !strings.Contains(lines.Text(), fmt.Sprintf(`"name":"w%d"`, got[i])) {
					t.Errorf("watcher %d, change %d: %s", i, got[i], lines.Text())
					return
				}
			}
		})
	}
	open.Wait()
	runtime.GC()
	runtime.ReadMemStats(&memory)
	t.Logf("%d watches: %d KiB and %d goroutines more, client and server together", crowd, (memory.HeapAlloc-base)>>10, runtime.NumGoroutine()-before)
	for n := range crowdChanges {
		h.widget(fmt.Sprintf("w%d", n), 1)
	}
	done.Wait()
	for i, n := range got {
		if n != crowdChanges {
			t.Errorf("watcher %d got %d changes", i, n)
		}
	}
	client.CloseIdleConnections()
	h.want(h.post(widgets, widgetBody("last", 1)), 201) // finds them gone
	eventually(t, "no watch is left", h.noWatches)
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before+5 })
}

// mute is a connection whose client sends a request and reads no answer.
func (h *harness) mute(web *httptest.Server, path string, header string) {
	h.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(web.URL, "http://"))
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { conn.Close() })
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s\r\n", path, adminToken, header)
}

// What is held for a client that does not read is let go in time.
func TestClientsThatDoNotRead(t *testing.T) {
	h := start(t, func(c *server.Config) { c.Limits = server.Limits{Reading: 1, Stalled: time.Second} })
	web := httptest.NewServer(h.server)
	defer web.Close()
	const maps = "/api/v1/namespaces/default/configmaps"
	for n := range 20 {
		h.want(h.post(maps, fmt.Sprintf(`{"metadata":{"name":"big%d"},"data":{"k":%q}}`, n, strings.Repeat("x", 1<<20))), 201)
	}
	const counted = "Impersonate-User: ann\r\nImpersonate-Group: system:masters\r\n" // masters as themselves are not
	reads := func() int {
		return h.get(widgets, "Impersonate-User", "ann", "Impersonate-Group", server.Masters).code
	}
	h.mute(web, maps, counted)
	eventually(t, "its place is taken", func() bool { return reads() == 429 })
	eventually(t, "its place is free", func() bool { return reads() == 200 })
	const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	for _, header := range []string{"", "Accept: text/event-stream\r\n", upgrade} {
		h.mute(web, maps+"?watch=1", header)
		gauge := func() string {
			_, rest, _ := strings.Cut(h.get("/metrics").body, `powernode_api_watches{resource="configmaps"} `)
			value, _, _ := strings.Cut(rest, "\n")
			return value
		}
		eventually(t, "it watches", func() bool { return gauge() == "1" })
		eventually(t, "it is cut off", func() bool { return gauge() == "0" })
	}
}
