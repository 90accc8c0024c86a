package docker_test

import (
	"sync"
	"testing"

	"github.com/powernode/powernode/controllers/internal/docker"
	"github.com/powernode/powernode/controllers/internal/docker/dockertest"
)

// The first calls of a client agree with the engine on a version; the race
// detector tells when several of them do so at once.
func TestManyFirstCallsAtOnce(t *testing.T) {
	client, err := docker.Dial(docker.Target{Endpoint: dockertest.Endpoint(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			if _, err := client.List(t.Context(), map[string]string{"powernode.io/uid": "none"}); err != nil {
				t.Error(err)
			}
			if err := client.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
}
