package main

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/runner"
	"github.com/powernode/powernode/api/server"
	v1 "github.com/powernode/powernode/api/v1"
)

// serving is the API on an address that it comes back to.
type serving struct {
	api  *server.Server
	http *http.Server
	done chan error
}

func serveOn(t *testing.T, address string, p *player) (*serving, string) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := &serving{api: newAPI(t, p), done: make(chan error, 1)}
	s.http = &http.Server{Handler: s.api}
	go func() { s.done <- s.http.Serve(listener) }()
	return s, listener.Addr().String()
}

// kill ends it as kill -9 does; stop as SIGTERM does.
func (s *serving) kill() { s.http.Close(); <-s.done }

func (s *serving) stop(t *testing.T) {
	s.api.Drain()
	if err := s.http.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	<-s.done
}

// TestWatchSurvivesRestartsOfTheServer follows a run on the real API, which is
// killed and stopped on the way, and tells every line of the log once.
func TestWatchSurvivesRestartsOfTheServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p := newPlayer()
	s, address := serveOn(t, "127.0.0.1:0", p)
	run, err := p.objects.Create(ctx, &api.Object{
		TypeMeta:   metav1.TypeMeta{APIVersion: api.APIVersion, Kind: "PipelineRun"},
		ObjectMeta: metav1.ObjectMeta{Name: "build-1", Namespace: "default"},
		Spec:       []byte(`{"pipelineRef":{"name":"build"}}`),
		Status:     mustJSON(phase(v1.RunRunning, step("a", v1.RunRunning, 1))),
	})
	if err != nil {
		t.Fatal(err)
	}
	stream, end := runner.LogStream(string(run.UID), "a", 1), int64(0)
	write := func(text string) {
		if end, err = p.logs.Append(ctx, stream, end, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	c, err := clientFor(&rest.Config{Host: "http://" + address, BearerToken: goodToken}, "default")
	if err != nil {
		t.Fatal(err)
	}
	first, err := decodeRun(run)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.post(ctx, run.Key(), phase(v1.RunRunning, step("a", v1.RunRunning, 1))); err != nil {
		t.Fatal(err)
	}
	w := &following{done: make(chan error, 1), cancel: cancel}
	f := &follower{client: c, run: "build-1", tail: -1, pause: quickly}
	go func() {
		_, err := show(ctx, f, first, &plainView{out: &w.out, errOut: &w.notices})
		w.done <- err
	}()

	write("before\nhalf a ")
	w.out.until(t, "before")
	s.kill()
	w.notices.until(t, "connection lost")
	write("line\nwhile it was away\n")
	s, _ = serveOn(t, address, p)
	w.out.until(t, "while it was away")
	s.stop(t)
	write("between\n")
	s, _ = serveOn(t, address, p)
	defer s.kill()
	w.out.until(t, "between")
	write("last\n")
	if err := p.post(ctx, run.Key(), phase(v1.RunSuccess, step("a", v1.RunSuccess, 1))); err != nil {
		t.Fatal(err)
	}
	w.end(t, strings.Join([]string{"step a: running", "[a] before", "[a] half a line", "[a] while it was away",
		"[a] between", "[a] last", "step a: success", "run build-1: success", ""}, "\n"))
}
