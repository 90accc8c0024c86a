package runner

import (
	"context"
	"os"
	"sync"
	"time"
)

const (
	defaultDocker = "unix:///var/run/docker.sock"
	// probeEvery is how long an answer, or the lack of one, is taken for granted.
	probeEvery = 10 * time.Second
)

// engine remembers whether the Docker engine answered.
type engine struct {
	mu      sync.Mutex
	at      time.Time
	answers bool
}

// dockerEndpoint is the engine's address, empty when there is to be none.
func (a *Agent) dockerEndpoint() string {
	switch a.Docker {
	case DockerOff:
		return ""
	case "", DockerAuto:
		if host := os.Getenv("DOCKER_HOST"); host != "" {
			return host
		}
		return defaultDocker
	}
	return a.Docker
}

// probeDocker reports whether steps with an image can run here now.
func (a *Agent) probeDocker(ctx context.Context) bool {
	endpoint := a.dockerEndpoint()
	if endpoint == "" {
		return false
	}
	e := &a.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Since(e.at) < probeEvery {
		return e.answers
	}
	call, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	e.answers, e.at = dockerAnswers(call, endpoint), time.Now()
	return e.answers
}
