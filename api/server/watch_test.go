package server_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/server"
)

// stream is a watch that is read line by line.
type stream struct {
	*harness
	res   *http.Response
	lines chan string
}

func (h *harness) stream(path string, header ...string) *stream {
	h.Helper()
	res, err := h.transport().RoundTrip(h.request("GET", path, "", header...))
	if err != nil {
		h.Fatal(err)
	}
	if res.StatusCode != 200 {
		h.Fatalf("watch: %s", res.Status)
	}
	s := &stream{h, res, make(chan string)}
	go func() {
		defer close(s.lines)
		for r := bufio.NewReader(res.Body); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			s.lines <- strings.TrimSuffix(line, "\n")
		}
	}()
	h.Cleanup(func() {
		res.Body.Close()
		for range s.lines {
		}
	})
	return s
}

// line is the next line; ok is false when the stream is over.
func (s *stream) line() (line string, ok bool) {
	s.Helper()
	select {
	case line, ok = <-s.lines:
		return line, ok
	case <-time.After(30 * time.Second):
		s.Fatal("nothing came")
		return "", false
	}
}

type event struct {
	Type   string
	Object json.RawMessage
}

func (e event) object(s *stream) *api.Object {
	s.Helper()
	obj := &api.Object{}
	if err := json.Unmarshal(e.Object, obj); err != nil {
		s.Fatalf("%v: %s", err, e.Object)
	}
	return obj
}

// next is the next event, which must be of the type.
func (s *stream) next(eventType string) event {
	s.Helper()
	line, ok := s.line()
	if !ok {
		s.Fatalf("the stream is over; want %s", eventType)
	}
	var e event
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		s.Fatalf("%v: %s", err, line)
	}
	if e.Type != eventType {
		s.Fatalf("got %s, want %s", line, eventType)
	}
	return e
}

func (s *stream) over() {
	s.Helper()
	if line, ok := s.line(); ok {
		s.Fatalf("got %s, want the end", line)
	}
}

func TestWatchFromARevision(t *testing.T) {
	h := start(t)
	a := h.widget("a", 1)
	w := h.stream(widgets + "?watch=true&resourceVersion=" + a.ResourceVersion)
	if got := w.res.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %s", got)
	}
	h.widget("b", 1)
	h.want(h.merge(widgets+"/a", `{"spec":{"size":2}}`), 200)
	h.want(h.do("DELETE", widgets+"/b", ""), 200)
	b := w.next("ADDED").object(w)
	if b.Name != "b" || b.Kind != "Widget" {
		t.Errorf("got %+v", b)
	}
	if got := w.next("MODIFIED").object(w); got.Name != "a" {
		t.Errorf("got %+v", got)
	}
	if got := w.next("DELETED").object(w); got.Name != "b" || got.ResourceVersion <= b.ResourceVersion {
		t.Errorf("got %+v", got)
	}
}

func TestWatchStartsWithWhatIsThere(t *testing.T) {
	h := start(t)
	h.widget("a", 1)
	for _, query := range []string{"", "&resourceVersion=0", "&resourceVersion="} {
		w := h.stream(widgets + "?watch=1" + query)
		if got := w.next("ADDED").object(w); got.Name != "a" {
			t.Errorf("%s: got %+v", query, got)
		}
	}
}

func TestWatchListEndsWithABookmark(t *testing.T) {
	h := start(t)
	h.widget("a", 1)
	h.widget("b", 1)
	const query = "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
	w := h.stream(widgets + query + "&allowWatchBookmarks=true")
	w.next("ADDED")
	last := w.next("ADDED").object(w)
	mark := w.next("BOOKMARK").object(w)
	if mark.Annotations["k8s.io/initial-events-end"] != "true" || mark.ResourceVersion < last.ResourceVersion || mark.Kind != "Widget" || mark.APIVersion != "test.powernode.io/v1" {
		t.Errorf("bookmark %+v", mark)
	}
	if list, err := base64.StdEncoding.DecodeString(mark.Annotations["kubernetes.io/initial-events-list-blueprint"]); err != nil || !strings.Contains(string(list), `"kind":"WidgetList"`) {
		t.Errorf("blueprint %s, %v", list, err)
	}
	h.widget("c", 1)
	if got := w.next("ADDED").object(w); got.Name != "c" {
		t.Errorf("got %+v", got)
	}
	quiet := h.stream(widgets + query)
	for range 3 {
		quiet.next("ADDED")
	}
	h.widget("d", 1)
	quiet.next("ADDED") // and no bookmark before it

	live := h.stream(widgets + "?watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan")
	h.widget("e", 1)
	if got := live.next("ADDED").object(live); got.Name != "e" {
		t.Errorf("sendInitialEvents=false: got %+v", got)
	}
}

func TestWhatLeavesASelectorIsDeletedForItsWatcher(t *testing.T) {
	h := start(t)
	h.widget("a", 1)
	w := h.stream(widgets + "?watch=1&fieldSelector=spec.colour%3Dred&resourceVersion=0")
	w.next("ADDED")
	blue := h.want(h.merge(widgets+"/a", `{"spec":{"colour":"blue"}}`), 200).object(t)
	left := w.next("DELETED").object(w)
	if !strings.Contains(string(left.Spec), "red") || left.ResourceVersion != blue.ResourceVersion {
		t.Errorf("got %+v %s", left, left.Spec)
	}
	h.want(h.merge(widgets+"/a", `{"spec":{"colour":"red"}}`), 200)
	w.next("ADDED")
}

func TestWatchOfTables(t *testing.T) {
	h := start(t)
	h.widget("a", 1)
	w := h.stream(widgets+"?watch=1&resourceVersion=0&allowWatchBookmarks=true", "Accept", tableAccept)
	first, second := w.next("ADDED"), w.next("BOOKMARK")
	contains(t, "first", string(first.Object), `"kind":"Table"`, `"name":"Size"`, `"cells":["a",1`)
	contains(t, "bookmark", string(second.Object), `"kind":"Table"`, `"columnDefinitions":null`, `"kind":"PartialObjectMetadata"`)
	h.widget("b", 2)
	contains(t, "later", string(w.next("ADDED").Object), `"columnDefinitions":null`, `"cells":["b",2`)
}

func TestWatchOfMetadata(t *testing.T) {
	h := start(t)
	h.widget("a", 1)
	w := h.stream(allWidgets+"?watch=1", "Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
	got := string(w.next("ADDED").Object)
	contains(t, "event", got, `"kind":"PartialObjectMetadata"`, `"name":"a"`)
	if strings.Contains(got, `"spec":`) {
		t.Errorf("more than metadata: %s", got)
	}
}

func TestWatchOfARevisionThatIsGone(t *testing.T) {
	gone := &flakyStore{}
	h := start(t, func(c *server.Config) { gone.Store, c.Store = c.Store, gone })
	gone.expired.Store(true)
	w := h.stream(widgets + "?watch=1&resourceVersion=1")
	contains(t, "error", string(w.next("ERROR").Object), `"kind":"Status"`, `"code":410`, `"reason":"Expired"`)
	w.over()
}

func TestWatchEndsInTime(t *testing.T) {
	h := start(t)
	began := time.Now()
	w := h.stream(widgets + "?watch=1&timeoutSeconds=1")
	w.over()
	if took := time.Since(began); took < time.Second {
		t.Errorf("ended after %s", took)
	}
}

func TestDrainEndsWatchesAndLongPolls(t *testing.T) {
	h := start(t)
	w := h.stream(widgets + "?watch=1")
	polled := make(chan answer)
	go func() { polled <- h.post("/runner/v1/lease", `{"runner":"r","waitSeconds":60}`) }()
	h.want(h.get("/readyz"), 200)
	h.server.Drain()
	w.over()
	if got := <-polled; got.code != 204 {
		t.Errorf("lease: %s", got)
	}
	h.want(h.get("/readyz"), 503)
	h.want(h.get("/livez"), 200)
	late := h.stream(widgets + "?watch=1")
	late.over()
}

func TestServerSentEvents(t *testing.T) {
	h := start(t)
	h.widget("a", 1)
	w := h.stream(widgets, "Accept", "text/event-stream")
	if got := w.res.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("Content-Type %s", got)
	}
	read := func(prefix string) string {
		t.Helper()
		line, _ := w.line()
		rest, ok := strings.CutPrefix(line, prefix)
		if !ok {
			t.Fatalf("got %q, want %q", line, prefix)
		}
		return rest
	}
	w.skip("retry: 2000", "")
	contains(t, "initial", read("data: "), `"type":"ADDED"`, `"name":"a"`)
	read("")
	read("id: ")
	contains(t, "end of initial", read("data: "), `"type":"BOOKMARK"`)
	read("")
	b := h.widget("b", 1)
	if id := read("id: "); id != b.ResourceVersion {
		t.Errorf("id %s, want %s", id, b.ResourceVersion)
	}
	contains(t, "live", read("data: "), `"type":"ADDED"`, `"name":"b"`)

	c := h.widget("c", 1)
	w = h.stream(widgets+"?watch=1", "Accept", "text/event-stream", "Last-Event-ID", b.ResourceVersion)
	w.skip("retry: 2000", "")
	if id := read("id: "); id != c.ResourceVersion {
		t.Errorf("resumed at %s, want %s", id, c.ResourceVersion)
	}
}

func TestABrowserStartsAnewAfterAnError(t *testing.T) {
	gone := &flakyStore{}
	h := start(t, func(c *server.Config) { gone.Store, c.Store = c.Store, gone })
	gone.expired.Store(true)
	w := h.stream(widgets, "Accept", "text/event-stream", "Last-Event-ID", "1")
	w.skip("retry: 2000", "")
	if line, _ := w.line(); line != "id" { // an id without a value forgets the last one
		t.Errorf("got %q", line)
	}
	line, _ := w.line()
	contains(t, "error", line, `data: {"type":"ERROR"`, `"code":410`)
}

func TestABrowserIsToldThatItsPlaceIsNone(t *testing.T) {
	h := start(t)
	h.widget("a", 1)
	for _, id := range []string{"garbage", "0", "-1", "99999999"} {
		w := h.stream(widgets, "Accept", "text/event-stream", "Last-Event-ID", id)
		w.skip("retry: 2000", "")
		w.skip("id")
		line, _ := w.line()
		contains(t, id, line, `data: {"type":"ERROR"`, `"code":410`, `"reason":"Expired"`)
		w.skip("")
		w.over()
	}
}

func TestQuietServerSentEventsShowThatTheyLive(t *testing.T) {
	h := start(t, func(c *server.Config) { c.Heartbeat = 10 * time.Millisecond })
	w := h.stream(widgets+"?watch=1&resourceVersion=1", "Accept", "text/event-stream")
	w.skip("retry: 2000", "", ":", "", ":", "")
	a := h.widget("a", 1)
	for {
		line, ok := w.line()
		if !ok {
			t.Fatal("it is over")
		}
		if id, found := strings.CutPrefix(line, "id: "); found { // beats do not come between the lines of an event
			data, _ := w.line()
			end, _ := w.line()
			if id != a.ResourceVersion || !strings.HasPrefix(data, "data: {") || end != "" {
				t.Errorf("id %s, %q, %q", id, data, end)
			}
			return
		}
	}
}

// skip wants these lines.
func (s *stream) skip(lines ...string) {
	s.Helper()
	for _, want := range lines {
		if line, ok := s.line(); line != want || !ok {
			s.Fatalf("got %q, want %q", line, want)
		}
	}
}

// The path that clients of long ago use.
func TestTheOldPathOfWatches(t *testing.T) {
	h := start(t)
	h.widget("a", 1)
	h.widget("b", 1)
	old := strings.Replace(widgets, "/v1/", "/v1/watch/", 1)
	w := h.stream(old)
	w.next("ADDED")
	w.next("ADDED")
	one := h.stream(old + "/b?resourceVersion=0")
	if got := one.next("ADDED").object(one); got.Name != "b" {
		t.Errorf("got %+v", got)
	}
	h.want(h.do("DELETE", widgets+"/a", ""), 200)
	h.want(h.do("DELETE", widgets+"/b", ""), 200)
	if got := one.next("DELETED").object(one); got.Name != "b" {
		t.Errorf("got %+v", got)
	}
	h.refused(h.do("DELETE", old, ""), 405, "MethodNotAllowed", "")
	h.refused(h.get(old+"/b/status"), 404, "NotFound", "")
}
