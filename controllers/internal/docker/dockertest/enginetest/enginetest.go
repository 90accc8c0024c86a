// Package enginetest says what a docker.Engine promises, as tests that every
// engine must pass: the real one, and the one in memory that stands in for it.
package enginetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/docker"
)

// Run tests an engine that has image, whose containers run package script.
// The engine may have other things besides; what the tests make they remove.
func Run(t *testing.T, engine docker.Engine, image string) {
	b := bench{engine, image}
	for name, test := range map[string]func(*testing.T, bench){
		"it says what it is":                              says,
		"a container is listed by its labels":             lists,
		"a name is taken once":                            nameOnce,
		"starting, stopping and removing are repeatable":  repeatable,
		"an exit code is told":                            exitCode,
		"SIGTERM, then SIGKILL":                           stopping,
		"the environment arrives":                         environment,
		"a log can be cut and followed":                   logging,
		"a missing image is not found":                    missingImage,
		"a missing container is not found":                missingContainer,
		"events tell of containers, also of removed ones": events,
		"events can be asked for from a moment on":        eventsSince,
		"an ended context ends a call":                    contexts,
	} {
		t.Run(name, func(t *testing.T) { test(t, b) })
	}
}

type bench struct {
	docker.Engine
	image string
}

// make makes a container with labels of this test, and sees to it that it goes away.
func (b bench) make(t *testing.T, args ...string) (id string, spec docker.Spec) {
	t.Helper()
	uid := fmt.Sprintf("enginetest-%d", time.Now().UnixNano())
	spec = docker.Spec{
		Name: uid, Image: b.image, Cmd: args, Env: []string{"WORD=spoken"}, Network: "none",
		Labels:      map[string]string{v1.LabelUID: uid, v1.LabelKind: "Test", v1.LabelName: "it"},
		MemoryBytes: 64 << 20, NanoCPUs: 5e8, CapDrop: []string{"ALL"}, NoNewPrivileges: true, ReadOnlyRootfs: true,
	}
	id, err := b.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Remove(context.Background(), id); err != nil {
			t.Error(err)
		}
	})
	return id, spec
}

func (b bench) start(t *testing.T, args ...string) (id string, spec docker.Spec) {
	t.Helper()
	id, spec = b.make(t, args...)
	if err := b.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	return id, spec
}

// see waits until the container is as wanted.
func (b bench) see(t *testing.T, spec docker.Spec, wanted func(docker.Container) bool) docker.Container {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		found, err := b.List(t.Context(), map[string]string{v1.LabelUID: spec.Labels[v1.LabelUID]})
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 1 && wanted(found[0]) {
			return found[0]
		}
		if time.Now().After(deadline) {
			t.Fatalf("not as wanted: %+v", found)
		}
	}
}

func in(state docker.State) func(docker.Container) bool {
	return func(c docker.Container) bool { return c.State == state }
}

func says(t *testing.T, b bench) {
	info, err := b.Info(t.Context())
	if err != nil || info.EngineVersion == "" || info.APIVersion == "" || info.OS != "linux" || info.CPUs < 1 || info.MemoryBytes < 1 || info.Images < 1 {
		t.Errorf("%+v, %v", info, err)
	}
}

func lists(t *testing.T, b bench) {
	id, spec := b.make(t, "forever")
	c := b.see(t, spec, in(docker.Created))
	if c.ID != id || c.Name != spec.Name || c.ImageID == "" || c.Created.IsZero() || !c.Started.IsZero() || !c.Finished.IsZero() {
		t.Errorf("%+v", c)
	}
	for name, value := range spec.Labels {
		if c.Labels[name] != value {
			t.Errorf("label %s is %q", name, c.Labels[name])
		}
	}
	others, err := b.List(t.Context(), map[string]string{v1.LabelUID: spec.Labels[v1.LabelUID], v1.LabelName: "other"})
	if err != nil || len(others) > 0 {
		t.Errorf("%+v, %v", others, err)
	}
}

func nameOnce(t *testing.T, b bench) {
	_, spec := b.make(t, "forever")
	if _, err := b.Create(t.Context(), spec); !errors.Is(err, api.ErrConflict) {
		t.Errorf("a second container of the name: %v", err)
	}
}

func repeatable(t *testing.T, b bench) {
	id, spec := b.start(t, "forever")
	steps := []func() error{
		func() error { return b.Start(t.Context(), id) },
		func() error { return b.Stop(t.Context(), id, time.Second) },
		func() error { return b.Stop(t.Context(), id, time.Second) },
		func() error { return b.Start(t.Context(), id) },
		func() error { b.see(t, spec, in(docker.Running)); return nil },
		func() error { return b.Remove(t.Context(), id) },
		func() error { return b.Remove(t.Context(), id) },
		func() error { return b.Stop(t.Context(), id, time.Second) },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

func exitCode(t *testing.T, b bench) {
	_, spec := b.start(t, "exit", "3")
	c := b.see(t, spec, in(docker.Exited))
	if c.ExitCode != 3 || !c.Ended() || c.Finished.Before(c.Started) || c.Started.Before(c.Created) {
		t.Errorf("%+v", c)
	}
}

func stopping(t *testing.T, b bench) {
	for code, words := range map[int][]string{143: {"print", "up", "forever"}, 137: {"stubborn", "print", "up", "forever"}} {
		id, spec := b.start(t, words...)
		b.says(t, id, "up\n")
		if err := b.Stop(t.Context(), id, time.Second); err != nil {
			t.Fatal(err)
		}
		if c := b.see(t, spec, in(docker.Exited)); c.ExitCode != code {
			t.Errorf("%v: exit code %d", words, c.ExitCode)
		}
	}
}

func environment(t *testing.T, b bench) {
	id, spec := b.start(t, "env", "WORD")
	b.see(t, spec, in(docker.Exited))
	b.says(t, id, "spoken\n")
}

// says waits for the whole log.
func (b bench) says(t *testing.T, id, want string) {
	t.Helper()
	got := ""
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if got = b.read(t, id, docker.LogOptions{}); got == want {
			return
		}
	}
	t.Fatalf("log %q, want %q", got, want)
}

func (b bench) read(t *testing.T, id string, opts docker.LogOptions) string {
	t.Helper()
	log, err := b.Logs(t.Context(), id, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	text, err := io.ReadAll(log)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func logging(t *testing.T, b bench) {
	id, _ := b.start(t, "print", "one", "print", "two", "sleep", "500ms", "print", "three")
	if got := b.read(t, id, docker.LogOptions{Follow: true}); got != "one\ntwo\nthree\n" {
		t.Errorf("followed %q", got)
	}
	if got := b.read(t, id, docker.LogOptions{Tail: 2}); got != "two\nthree\n" {
		t.Errorf("tail %q", got)
	}
}

func missingImage(t *testing.T, b bench) {
	const ref = "localhost:1/powernode/none:1"
	if _, err := b.Image(t.Context(), ref); !errors.Is(err, api.ErrNotFound) {
		t.Errorf("look at it: %v", err)
	}
	err := b.Pull(t.Context(), ref)
	if err == nil || !strings.Contains(err.Error(), "pull "+ref) || strings.Contains(err.Error(), "\n") {
		t.Errorf("pull it: %v", err)
	}
	if _, err := b.Create(t.Context(), docker.Spec{Name: "enginetest-none", Image: ref}); !errors.Is(err, api.ErrNotFound) {
		t.Errorf("create from it: %v", err)
	}
	if img, err := b.Image(t.Context(), b.image); err != nil || img.ID == "" {
		t.Errorf("the image that is there: %+v, %v", img, err)
	}
}

func missingContainer(t *testing.T, b bench) {
	if err := b.Start(t.Context(), "enginetest-none"); !errors.Is(err, api.ErrNotFound) {
		t.Errorf("start it: %v", err)
	}
	if _, err := b.Logs(t.Context(), "enginetest-none", docker.LogOptions{}); !errors.Is(err, api.ErrNotFound) {
		t.Errorf("read its log: %v", err)
	}
}

func contexts(t *testing.T, b bench) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Events(ctx, time.Time{}, func() {}, func(docker.Event) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("events: %v", err)
	}
}
