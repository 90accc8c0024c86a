package server_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/server"
	"github.com/powernode/powernode/store"
)

// stuckStore answers about objects named stuck when it is let go, or not in time.
type stuckStore struct {
	store.Store
	letGo   chan struct{}
	waiting atomic.Int32
}

func (s *stuckStore) wait(ctx context.Context, name string) error {
	switch name {
	case "stuck":
	case "panic":
		panic("the store has a bad day")
	default:
		return nil
	}
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	select {
	case <-s.letGo:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *stuckStore) Get(ctx context.Context, key api.Key) (*api.Object, error) {
	if err := s.wait(ctx, key.Name); err != nil {
		return nil, err
	}
	return s.Store.Get(ctx, key)
}

func (s *stuckStore) Create(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	if err := s.wait(ctx, obj.Name); err != nil {
		return nil, err
	}
	return s.Store.Create(ctx, obj, opts...)
}

// counted makes a request of the administrator's one that needs a place.
var counted = []string{"Impersonate-User", "somebody", "Impersonate-Group", server.Masters}

func startStuck(t *testing.T, limits server.Limits) (*harness, *stuckStore) {
	s := &stuckStore{letGo: make(chan struct{})}
	return start(t, func(c *server.Config) {
		s.Store, c.Store = c.Store, s
		c.Limits = limits
	}), s
}

func TestOnlySoManyRequestsAtOnce(t *testing.T) {
	h, s := startStuck(t, server.Limits{Reading: 2, Mutating: 1})
	answers := make(chan answer)
	for range 2 {
		go func() { answers <- h.get(widgets+"/stuck", counted...) }()
	}
	go func() { answers <- h.post(widgets, widgetBody("stuck", 1), counted...) }()
	eventually(t, "three are under way", func() bool { return s.waiting.Load() == 3 })
	for _, refused := range []answer{h.get(widgets, counted...), h.get("/openapi/v3", counted...), h.post(widgets, widgetBody("a", 1), counted...), h.do("DELETE", widgets+"/a", "", counted...)} {
		st := h.refused(refused, 429, metav1.StatusReasonTooManyRequests, "try again")
		if refused.header.Get("Retry-After") != "1" || st.Details == nil || st.Details.RetryAfterSeconds != 1 {
			t.Errorf("%s %v", refused, refused.header)
		}
	}
	h.want(h.get("/healthz"), 200)
	for range 5 { // more than there are places
		h.stream(widgets+"?watch=1", counted...)
	}
	h.want(h.get(widgets), 200) // an administrator gets in
	h.want(h.post(widgets, widgetBody("late", 1)), 201)
	h.want(h.post("/runner/v1/lease", `{"runner":"r","waitSeconds":0}`), 204)
	close(s.letGo)
	got := map[int]int{}
	for range 3 {
		got[(<-answers).code]++
	}
	if got[404]+got[200] != 2 || got[201] != 1 {
		t.Errorf("answers: %v", got)
	}
	h.want(h.get(widgets, counted...), 200)
}

func TestARequestThatTakesTooLong(t *testing.T) {
	h, _ := startStuck(t, server.Limits{Timeout: 200 * time.Millisecond})
	got := h.get(widgets + "/stuck")
	h.refused(got, 504, metav1.StatusReasonTimeout, "did not complete in time")
	if got.header.Get("Retry-After") != "1" {
		t.Errorf("%v", got.header)
	}
	// With a name that the server made up, a repeat would make a second object.
	if created := h.post(widgets, widgetBody("stuck", 1)); created.code != 504 || created.header.Get("Retry-After") != "" {
		t.Errorf("%s %v", created, created.header)
	}
	h.refused(h.get(widgets+"?timeout=soon"), 400, metav1.StatusReasonBadRequest, "timeout")
	h.refused(h.get(widgets+"?timeout=-1s"), 400, metav1.StatusReasonBadRequest, "timeout")
	h.want(h.get(widgets+"?timeout=0s"), 200)
	h.want(h.get("/version?timeout=32s"), 200)

	patient, _ := startStuck(t, server.Limits{})
	patient.refused(patient.get(widgets+"/stuck?timeout=50ms"), 504, metav1.StatusReasonTimeout, "")
}

func TestAPanicGivesItsPlaceBack(t *testing.T) {
	h, _ := startStuck(t, server.Limits{Reading: 1})
	for range 2 { // and its place is free again
		st := h.refused(h.get(widgets+"/panic", append([]string{"X-Request-Id", "the-id"}, counted...)...), 500, metav1.StatusReasonInternalError, "the-id")
		if strings.Contains(st.Message, "bad day") {
			t.Errorf("the client is told: %s", st.Message)
		}
	}
}
