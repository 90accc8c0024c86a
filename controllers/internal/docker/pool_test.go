package docker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/docker"
	"github.com/powernode/powernode/controllers/internal/docker/dockertest"
)

var (
	hostKey = api.Key{Kind: v1.DockerHost, Namespace: "default", Name: "h"}
	itKey   = api.Key{Kind: v1.ContainerInstance, Namespace: "default", Name: "it"}
	target  = docker.Target{Endpoint: "tcp://h:2375"}
)

// hints collects what a subscriber is told.
type hints struct {
	mu  sync.Mutex
	got []api.Key
}

func (h *hints) add(key api.Key) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got = append(h.got, key)
}

func (h *hints) take() []api.Key {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	got := h.got
	h.got = nil
	return got
}

// subscribe listens for a kind until the returned function is called.
func subscribe(pool *docker.Pool, kind string) (*hints, func()) {
	h := &hints{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = pool.Hints(kind)(ctx, h.add) }()
	synctest.Wait()
	return h, func() { cancel(); <-done }
}

func begin(t *testing.T, w *dockertest.World, name string) string {
	t.Helper()
	labels := map[string]string{v1.LabelUID: "u", v1.LabelKind: "ContainerInstance", v1.LabelNamespace: "default", v1.LabelName: name}
	id, err := w.Create(t.Context(), docker.Spec{Name: name, Image: dockertest.ImageName, Cmd: []string{"forever"}, Labels: labels})
	if err == nil {
		err = w.Start(t.Context(), id)
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestHintsComeFromOneStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := dockertest.NewWorld()
		pool := w.Pool()
		hosts, leaveHosts := subscribe(pool, v1.DockerHost)
		instances, leaveInstances := subscribe(pool, v1.ContainerInstance)
		for range 3 { // again is nothing new
			if err := pool.Watch(hostKey, target); err != nil {
				t.Fatal(err)
			}
		}
		if got := hosts.take(); !slices.Equal(got, []api.Key{hostKey}) {
			t.Errorf("when the stream stood: %v", got)
		}
		id := begin(t, w, "it")
		for i, do := range []func(){func() {}, func() { w.Kill(id) }, func() { w.RemoveByHand(id) }} { // start, die, destroy
			do()
			if got := instances.take(); !slices.Equal(got, []api.Key{itKey}) {
				t.Errorf("event %d: %v", i, got)
			}
		}
		if n := w.Calls("Events"); n != 1 {
			t.Errorf("%d streams", n)
		}
		leaveHosts()
		begin(t, w, "other")
		if got := instances.take(); len(got) != 1 || got[0].Name != "other" {
			t.Errorf("after one left: %v", got)
		}
		leaveInstances()
	})
}

// Whoever had a container when the stream was lost is told when it is back, also
// when that container is gone and the engine remembers nothing.
func TestALostStreamIsMadeUpFor(t *testing.T) {
	for _, restarted := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := dockertest.NewWorld()
			pool := w.Pool()
			hosts, leaveHosts := subscribe(pool, v1.DockerHost)
			defer leaveHosts()
			instances, leave := subscribe(pool, v1.ContainerInstance)
			defer leave()
			begin(t, w, "before")
			if err := pool.Watch(hostKey, target); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			gone := begin(t, w, "gone")
			instances.take()
			hosts.take()
			w.SetDown(true)
			if got := hosts.take(); !slices.Equal(got, []api.Key{hostKey}) {
				t.Errorf("when it was lost: %v", got)
			}
			w.RemoveByHand(gone)
			time.Sleep(time.Hour)
			instances.take()
			if restarted {
				w.ForgetEvents()
			}
			w.SetDown(false)
			time.Sleep(time.Minute)
			if got := hosts.take(); !slices.Equal(got, []api.Key{hostKey}) {
				t.Errorf("when it was back: %v", got)
			}
			got := instances.take()
			for _, name := range []string{"before", "gone"} {
				if !slices.ContainsFunc(got, func(k api.Key) bool { return k.Name == name }) {
					t.Errorf("%s was not told: %v", name, got)
				}
			}
		})
	}
}

// A container that came and went while nobody listened is told of from the engine's memory.
func TestEventsThatWereMissedAreAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := dockertest.NewWorld()
		pool := w.Pool()
		instances, leave := subscribe(pool, v1.ContainerInstance)
		defer leave()
		if err := pool.Watch(hostKey, target); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		begin(t, w, "first") // from here on there is a moment to ask from
		instances.take()
		w.CutEvents()
		w.RemoveByHand(begin(t, w, "brief"))
		time.Sleep(time.Minute)
		if got := instances.take(); !slices.ContainsFunc(got, func(k api.Key) bool { return k.Name == "brief" }) {
			t.Errorf("told %v", got)
		}
	})
}

func TestForgetEndsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := dockertest.NewWorld()
		pool := w.Pool()
		instances, leave := subscribe(pool, v1.ContainerInstance)
		defer leave()
		if err := pool.Watch(hostKey, target); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		pool.Forget(hostKey)
		synctest.Wait()
		begin(t, w, "it")
		if got := instances.take(); len(got) > 0 {
			t.Errorf("told %v", got)
		}
	})
}

func TestAPullIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := dockertest.NewWorld()
		w.AllowPull("shop:1", time.Minute)
		pool := w.Pool()
		told, leave := subscribe(pool, v1.ContainerInstance)
		defer leave()
		a, b := itKey, itKey
		b.Name = "b"
		for _, waiter := range []api.Key{a, a, b} {
			if err := pool.Pull(t.Context(), target, "shop:1", waiter); !errors.Is(err, docker.ErrPulling) {
				t.Fatalf("%v", err)
			}
		}
		time.Sleep(2 * time.Minute)
		if got := told.take(); len(got) != 2 {
			t.Errorf("told %v", got)
		}
		for _, waiter := range []api.Key{a, b} {
			if err := pool.Pull(t.Context(), target, "shop:1", waiter); err != nil {
				t.Errorf("%s: %v", waiter, err)
			}
		}
		if n := w.Calls("Pull"); n != 1 {
			t.Errorf("%d pulls", n)
		}
		// The outcome was taken: asking again is a new pull.
		if err := pool.Pull(t.Context(), target, "shop:1", a); !errors.Is(err, docker.ErrPulling) {
			t.Errorf("again: %v", err)
		}
	})
}

func TestAFailedPullIsToldToItsWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := dockertest.NewWorld().Pool()
		_, leave := subscribe(pool, v1.ContainerInstance)
		defer leave()
		for range 2 { // and then tried afresh
			if err := pool.Pull(t.Context(), target, "none:1", itKey); !errors.Is(err, docker.ErrPulling) {
				t.Fatalf("%v", err)
			}
			synctest.Wait()
			if err := pool.Pull(t.Context(), target, "none:1", itKey); !errors.Is(err, api.ErrNotFound) {
				t.Fatalf("%v", err)
			}
		}
	})
}

// Without subscribers there is nobody to tell, so the caller waits.
func TestAPullWithoutSubscribers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := dockertest.NewWorld()
		w.AllowPull("shop:1", time.Minute)
		if err := w.Pool().Pull(t.Context(), target, "shop:1", itKey); err != nil {
			t.Error(err)
		}
	})
}

func TestTargetsAreToldApart(t *testing.T) {
	dialed := 0
	pool := &docker.Pool{Dial: func(docker.Target) (docker.Engine, error) {
		dialed++
		return dockertest.NewWorld(), nil
	}}
	targets := []docker.Target{
		{Endpoint: "tcp://a:1"}, {Endpoint: "tcp://b:1"}, {Endpoint: "tcp://a:1", APIVersion: "1.41"},
		{Endpoint: "tcp://a:1", TLS: &docker.TLS{}}, {Endpoint: "tcp://a:1", TLS: &docker.TLS{Verify: true}},
		{Endpoint: "tcp://a:1", TLS: &docker.TLS{CA: []byte("x")}}, {Endpoint: "tcp://a:1", TLS: &docker.TLS{Cert: []byte("x")}},
	}
	seen := map[string]bool{}
	for range 2 {
		for _, each := range targets {
			engine, err := pool.Engine(each)
			if err != nil {
				t.Fatal(err)
			}
			seen[fmt.Sprintf("%p", engine)] = true
		}
	}
	if dialed != len(targets) || len(seen) != len(targets) {
		t.Errorf("%d engines dialed for %d targets", dialed, len(targets))
	}
}
