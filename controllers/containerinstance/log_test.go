package containerinstance_test

import (
	"errors"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/containerinstance"
)

func (w *world) ask(query string) (string, error) {
	w.t.Helper()
	obj := w.Object(v1.ContainerInstance, "default/it")
	rec := httptest.NewRecorder()
	err := containerinstance.Log(w.pool, w.Store, w.logs)(rec, httptest.NewRequest("GET", "/log?"+query, nil), obj, "")
	if err == nil && rec.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		w.t.Errorf("content type %q", rec.Header().Get("Content-Type"))
	}
	return rec.Body.String(), err
}

func (w *world) reads(query, want string) {
	w.t.Helper()
	if got, err := w.ask(query); got != want || err != nil {
		w.t.Errorf("log?%s is %q, %v; want %q", query, got, err, want)
	}
}

func TestLogOfWhatRunsAndOfWhatRan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(job("print one print two sleep 10s print three"))
		w.reads("", "one\ntwo\n")
		w.reads("tailLines=1", "two\n")
		w.reads("tailLines=0", "")
		w.reads("follow=true", "one\ntwo\nthree\n")
		w.Advance(time.Second)
		w.phase(v1.InstanceCompleted)
		w.empty()
		for query, want := range map[string]string{
			"": "one\ntwo\nthree\n", "follow=true": "one\ntwo\nthree\n", "tailLines=2": "two\nthree\n", "tailLines=0": "",
			"tailLines=9": "one\ntwo\nthree\n", "execution=1": "one\ntwo\nthree\n", "attempt=1": "one\ntwo\nthree\n",
		} {
			w.reads(query, want)
		}
		w.Apply(job("print again"))
		w.Advance(time.Second)
		w.reads("", "again\n")
		w.reads("execution=1&tailLines=1", "three\n")
	})
}

// A follower may come before there is anything to follow.
func TestLogIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.engine.AllowPull("shop:1", time.Minute)
		w.Apply(job("print hello", func(s *spec) { s.Image = "shop:1" }))
		w.reads("", "")
		w.reads("follow=true", "hello\n")
	})
}

func TestLogOfEachAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(job("print tried exit 1", func(s *spec) { s.BackoffLimit = 1 }))
		w.Advance(time.Minute)
		w.phase(v1.InstanceFailed)
		w.reads("attempt=1", "tried\n")
		w.reads("attempt=2", "tried\n")
	})
}

func TestLogRefusesNonsense(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Apply(job("print x"))
		w.Advance(time.Second)
		for query, want := range map[string]error{
			"follow=perhaps": api.ErrInvalid, "tailLines=-1": api.ErrInvalid, "tailLines=x": api.ErrInvalid,
			"attempt=x": api.ErrInvalid, "timestamps=x": api.ErrInvalid, "execution=7": api.ErrNotFound,
		} {
			if _, err := w.ask(query); !errors.Is(err, want) {
				t.Errorf("log?%s: %v", query, err)
			}
		}
	})
}
