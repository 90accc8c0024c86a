package dockertest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/controllers/internal/docker"
)

// ImageName is the image that a World has from the start; like the one that
// Image makes on a real engine, its entrypoint is the program of package script.
const ImageName = "powernode-test:latest"

// World is a Docker engine in memory. Its clock is package time's, so in a
// synctest bubble containers run in fake time. NewWorld makes one.
type World struct {
	mu         sync.Mutex
	containers map[string]*box
	images     map[string]docker.Image
	pullable   map[string]time.Duration
	failures   map[string]failure
	calls      map[string]int
	listeners  map[int]chan docker.Event
	past       []docker.Event
	next       int
	down       bool
	hang       bool
	mute       bool
}

type failure struct {
	err   error
	after bool
}

var _ docker.Engine = (*World)(nil)

// NewWorld makes an engine with the test image and nothing else.
func NewWorld() *World {
	return &World{
		containers: map[string]*box{}, pullable: map[string]time.Duration{}, failures: map[string]failure{},
		calls: map[string]int{}, listeners: map[int]chan docker.Event{},
		images: map[string]docker.Image{ImageName: {ID: "sha256:test"}},
	}
}

// Pool is a Pool that finds this engine at every endpoint.
func (w *World) Pool() *docker.Pool {
	return &docker.Pool{Dial: func(docker.Target) (docker.Engine, error) { return w, nil }}
}

// Changing lists the calls that change the engine, by the names of docker.Engine's methods.
var Changing = []string{"Create", "Connect", "Start", "Stop", "Remove", "Pull"}

// FailOnce lets the next call of a method fail without effect, or, with
// afterwards, take effect and lose the answer.
func (w *World) FailOnce(method string, err error, afterwards bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures[method] = failure{err, afterwards}
}

// Changes counts the calls so far that change the engine.
func (w *World) Changes() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, method := range Changing {
		n += w.calls[method]
	}
	return n
}

// Calls counts the calls so far of one method.
func (w *World) Calls(method string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[method]
}

// AllowPull lets an image be pulled, which then takes this long.
func (w *World) AllowPull(ref string, takes time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pullable[ref] = takes
}

// SetDown makes the engine unreachable, or reachable again; containers run on.
func (w *World) SetDown(down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = down
	if down {
		w.cut()
	}
}

// CutEvents breaks every stream of events; nothing else is the matter.
func (w *World) CutEvents() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut()
}

func (w *World) cut() {
	for _, id := range slices.Collect(maps.Keys(w.listeners)) {
		close(w.listeners[id])
		delete(w.listeners, id)
	}
}

// SetHang lets every call hang until its timeout, as behind a silent network.
func (w *World) SetHang(hang bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hang = hang
}

// SetMute loses every event from now on, while the stream stands.
func (w *World) SetMute(mute bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mute = mute
}

// ForgetEvents is what a restart of the engine does: it can't tell any more what was before.
func (w *World) ForgetEvents() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.past = nil
}

// Containers shows every container, oldest first.
func (w *World) Containers() []docker.Container {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.list(nil)
}

// Spec shows what a container was made of.
func (w *World) Spec(id string) docker.Spec {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.containers[id].spec
}

// Kill, StopByHand and RemoveByHand are what somebody else does to a container.
func (w *World) Kill(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end(w.containers[id], 137)
}

// StopByHand is docker stop.
func (w *World) StopByHand(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end(w.containers[id], 143)
}

// RemoveByHand is docker rm -f.
func (w *World) RemoveByHand(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.remove(w.containers[id])
}

// SetHealth is what the engine's health check finds.
func (w *World) SetHealth(id, health string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.containers[id].seen.Health = health
	w.emit("health_status", w.containers[id])
}

func (w *World) list(labels map[string]string) []docker.Container {
	var out []docker.Container
	for _, b := range w.containers {
		if carries(b.seen.Labels, labels) {
			out = append(out, b.seen)
		}
	}
	slices.SortFunc(out, func(a, b docker.Container) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	return out
}

func carries(have, want map[string]string) bool {
	for name, value := range want {
		if have[name] != value {
			return false
		}
	}
	return true
}

// call begins a method; the returned function ends it and may lose its answer. w.mu is not held.
func (w *World) call(ctx context.Context, method string) (end func(error) error, err error) {
	w.mu.Lock()
	hang := w.hang
	w.mu.Unlock()
	if hang {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(15 * time.Second):
			return nil, fmt.Errorf("%s: %w: timed out", method, docker.ErrUnreachable)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		return nil, fmt.Errorf("%s: %w: connection refused", method, docker.ErrUnreachable)
	}
	w.calls[method]++
	planned, ok := w.failures[method]
	delete(w.failures, method)
	if ok && !planned.after {
		return nil, fmt.Errorf("%s: %w", method, planned.err)
	}
	return func(err error) error {
		if ok && err == nil {
			return fmt.Errorf("%s: %w", method, planned.err)
		}
		return err
	}, nil
}

func (w *World) box(id string) (*box, error) {
	if b := w.containers[id]; b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("container %s: %w", id, api.ErrNotFound)
}
