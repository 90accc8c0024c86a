package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
)

func TestSkip(t *testing.T) {
	for _, c := range []struct {
		log  string
		n    int64
		want string
	}{
		{"one\ntwo\n", 0, "one\ntwo\n"},
		{"one\ntwo\n", 5, "wo\n"},
		{"one\ntwo\n", 8, ""},
		{"one\n", 9, ""},
		{strings.Repeat("x", 200) + "end", 200, "end"},
		// 4 bytes were cut: of what was told, 4 are gone and the other 3 stand behind the line.
		{"[truncated: 4 bytes before this were cut]\ntwo\nthree\n", 7, "\nthree\n"},
		{"[truncated: 4 bytes before this were cut]\ntwo\n", 4, "two\n"},
		// More was cut than was told: the line says that there is a gap.
		{"[truncated: 9 bytes before this were cut]\nlast\n", 4, "[truncated: 9 bytes before this were cut]\nlast\n"},
	} {
		rest, err := skip(strings.NewReader(c.log), c.n)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(rest); string(got) != c.want {
			t.Errorf("after %d bytes of %q comes %q, want %q", c.n, c.log, got, c.want)
		}
	}
}

// fakeInstance serves one ContainerInstance and the logs of its containers.
type fakeInstance struct {
	mu     sync.Mutex
	status v1.ContainerInstanceStatus
	rev    int
	logs   map[int]string // by attempt
	cut    bool           // break every followed log once it has brought something
}

func (f *fakeInstance) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	f.rev++
}

func (f *fakeInstance) object() *api.Object {
	raw, _ := json.Marshal(f.status)
	return &api.Object{
		TypeMeta:   metav1.TypeMeta{APIVersion: api.APIVersion, Kind: "ContainerInstance"},
		ObjectMeta: metav1.ObjectMeta{Name: "web", ResourceVersion: strconv.Itoa(f.rev)}, Status: raw,
	}
}

func (f *fakeInstance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case strings.HasSuffix(r.URL.Path, "/log"):
		f.log(w, r)
	case q.Get("watch") == "true":
		from, _ := strconv.Atoi(q.Get("resourceVersion"))
		for r.Context().Err() == nil {
			f.mu.Lock()
			if f.rev > from {
				from = f.rev
				json.NewEncoder(w).Encode(map[string]any{"type": "MODIFIED", "object": f.object()})
				w.(http.Flusher).Flush()
			}
			f.mu.Unlock()
			time.Sleep(time.Millisecond)
		}
	default:
		f.mu.Lock()
		defer f.mu.Unlock()
		json.NewEncoder(w).Encode(f.object())
	}
}

// log streams the log of the attempt until its container has ended.
func (f *fakeInstance) log(w http.ResponseWriter, r *http.Request) {
	attempt, _ := strconv.Atoi(r.URL.Query().Get("attempt"))
	for sent := 0; r.Context().Err() == nil; time.Sleep(time.Millisecond) {
		f.mu.Lock()
		text, live := f.logs[attempt], f.status.Attempts == attempt && !over(containerInstances, f.status.Phase)
		cut := f.cut
		f.mu.Unlock()
		part := text[sent:]
		fmt.Fprint(w, part)
		w.(http.Flusher).Flush()
		sent += len(part)
		follow := r.URL.Query().Get("follow") == "true"
		if cut && follow && sent > 0 {
			panic(http.ErrAbortHandler)
		}
		if sent == len(text) && (!follow || !live) {
			return
		}
	}
}

func TestFollowContainerThroughBrokenConnectionsAndAttempts(t *testing.T) {
	f := &fakeInstance{logs: map[int]string{}, rev: 1}
	f.status.Execution = v1.Execution{ExecutionID: "1", Phase: v1.InstanceProvisioning, Attempts: 1}
	server := httptest.NewServer(f)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	c, err := clientFor(&rest.Config{Host: server.URL}, "default")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out, notices output
	follower := &containerFollower{client: c, name: "web", query: logQuery{Tail: 1}, out: &out, notices: &notices, pause: quickly}
	done := make(chan error, 1)
	go func() { done <- follower.follow(ctx) }()

	f.set(func() {
		f.logs[1], f.status.ContainerID, f.status.Phase = "old\nfirst line\n", "c1", v1.InstanceRunning
	})
	out.until(t, "first line\n")
	f.set(func() { f.cut = true })
	server.CloseClientConnections()
	f.set(func() { f.logs[1] += "a second line\nand a third\n" })
	out.until(t, "and a third\n")
	f.set(func() { // the attempt fails while nobody is connected, and the next one starts
		f.logs[1] += "it fails\n"
		f.logs[2], f.status.Attempts, f.status.ContainerID = "once more\n", 2, "c2"
	})
	out.until(t, "once more\n")
	f.set(func() { f.cut, f.logs[2], f.status.Phase = false, f.logs[2]+"done\n", v1.InstanceCompleted })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "first line\na second line\nand a third\nit fails\nonce more\ndone\n"; got != want {
		t.Errorf("told\n%s\nwant\n%s", got, want)
	}
}
