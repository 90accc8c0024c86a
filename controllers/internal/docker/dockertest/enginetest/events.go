package enginetest

import (
	"context"
	"slices"
	"testing"
	"time"

	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/docker"
)

// listen hears the events of an engine until the test ends.
func (b bench) listen(t *testing.T, since time.Time) <-chan docker.Event {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	heard, connected, done := make(chan docker.Event, 1000), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_ = b.Events(ctx, since, func() { close(connected) }, func(e docker.Event) { heard <- e })
	}()
	t.Cleanup(func() { cancel(); <-done })
	<-connected
	return heard
}

// await waits for the actions on one test's container, in their order.
func await(t *testing.T, heard <-chan docker.Event, spec docker.Spec, want ...string) {
	t.Helper()
	var got []string
	deadline := time.After(30 * time.Second)
	for !subsequence(want, got) {
		select {
		case e := <-heard:
			if e.Labels[v1.LabelUID] == spec.Labels[v1.LabelUID] {
				got = append(got, e.Action)
				if e.ID == "" || e.At.IsZero() || e.Labels[v1.LabelName] != "it" {
					t.Errorf("event %+v", e)
				}
			}
		case <-deadline:
			t.Fatalf("heard %v, want %v", got, want)
		}
	}
}

func subsequence(want, got []string) bool {
	for _, action := range want {
		i := slices.Index(got, action)
		if i < 0 {
			return false
		}
		got = got[i+1:]
	}
	return true
}

func events(t *testing.T, b bench) {
	heard := b.listen(t, time.Time{})
	id, spec := b.start(t, "forever")
	if err := b.Remove(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	await(t, heard, spec, "start", "die", "destroy")
}

func eventsSince(t *testing.T, b bench) {
	before := time.Now().Add(-time.Second)
	_, spec := b.start(t, "exit", "0")
	b.see(t, spec, in(docker.Exited))
	await(t, b.listen(t, before), spec, "start", "die")
}
