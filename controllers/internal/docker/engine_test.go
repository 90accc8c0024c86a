package docker_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/powernode/powernode/controllers/internal/docker"
	"github.com/powernode/powernode/controllers/internal/docker/dockertest"
	"github.com/powernode/powernode/controllers/internal/docker/dockertest/enginetest"
)

func TestTheRealEngine(t *testing.T) {
	endpoint := dockertest.Endpoint(t)
	engine, err := docker.Dial(docker.Target{Endpoint: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	enginetest.Run(t, engine, dockertest.Image(t, endpoint))
}

func TestTheEngineInMemory(t *testing.T) {
	enginetest.Run(t, dockertest.NewWorld(), dockertest.ImageName)
}

func TestAnEngineThatIsNotThere(t *testing.T) {
	for _, endpoint := range []string{"unix:///nonexistent/docker.sock", "tcp://127.0.0.1:1"} {
		engine, err := docker.Dial(docker.Target{Endpoint: endpoint})
		if err != nil {
			t.Fatal(err)
		}
		first := engine.Ping(t.Context())
		if !errors.Is(first, docker.ErrUnreachable) || !strings.Contains(first.Error(), endpoint) {
			t.Errorf("ping: %v", first)
		}
		if again := engine.Ping(t.Context()); again == nil || again.Error() != first.Error() {
			t.Errorf("the words changed: %v, %v", first, again)
		}
	}
}

func TestWrongTLSMaterial(t *testing.T) {
	for _, tls := range []*docker.TLS{{CA: []byte("x")}, {Cert: []byte("x"), Key: []byte("private")}} {
		_, err := docker.Dial(docker.Target{Endpoint: "tcp://127.0.0.1:1", TLS: tls})
		if err == nil || strings.Contains(err.Error(), "private") {
			t.Errorf("%v", err)
		}
	}
}
