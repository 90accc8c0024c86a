package dockertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/controllers/internal/docker"
	"github.com/powernode/powernode/controllers/internal/docker/dockertest/script"
)

// Ping implements docker.Engine.
func (w *World) Ping(ctx context.Context) error {
	end, err := w.call(ctx, "Ping")
	if err != nil {
		return err
	}
	return end(nil)
}

// Info implements docker.Engine.
func (w *World) Info(ctx context.Context) (docker.Info, error) {
	end, err := w.call(ctx, "Info")
	if err != nil {
		return docker.Info{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	info := docker.Info{
		EngineVersion: "20.10.24", APIVersion: "1.41", OS: "linux", Architecture: "x86_64", Kernel: "6.1",
		CPUs: 4, MemoryBytes: 8 << 30, Images: len(w.images), Networks: 3,
	}
	for _, b := range w.containers {
		switch b.seen.State {
		case docker.Running:
			info.Running++
		case docker.Paused:
			info.Paused++
		default:
			info.Stopped++
		}
	}
	return info, end(nil)
}

// List implements docker.Engine.
func (w *World) List(ctx context.Context, labels map[string]string) ([]docker.Container, error) {
	end, err := w.call(ctx, "List")
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.list(labels), end(nil)
}

// Create implements docker.Engine.
func (w *World) Create(ctx context.Context, spec docker.Spec) (string, error) {
	end, err := w.call(ctx, "Create")
	if err != nil {
		return "", err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	img, ok := w.images[spec.Image]
	if !ok {
		return "", fmt.Errorf("create container %s: %w: no such image: %s", spec.Name, api.ErrNotFound, spec.Image)
	}
	for _, b := range w.containers {
		if b.seen.Name == spec.Name {
			return "", fmt.Errorf("create container %s: %w: the name is in use", spec.Name, api.ErrConflict)
		}
	}
	w.next++
	id := fmt.Sprintf("%064x", w.next)
	network := spec.Network
	if network == "" {
		network = "bridge"
	}
	w.containers[id] = &box{spec: spec, seen: docker.Container{
		ID: id, Name: spec.Name, ImageID: img.ID, Labels: spec.Labels, State: docker.Created, Created: time.Now(), Networks: []string{network},
	}}
	return id, end(nil)
}

// Connect implements docker.Engine.
func (w *World) Connect(ctx context.Context, id, network string) error {
	return w.change(ctx, "Connect", id, func(b *box) error {
		if !slices.Contains(b.seen.Networks, network) {
			b.seen.Networks = append(b.seen.Networks, network)
			slices.Sort(b.seen.Networks)
		}
		return nil
	})
}

// Start implements docker.Engine.
func (w *World) Start(ctx context.Context, id string) error {
	return w.change(ctx, "Start", id, func(b *box) error {
		if b.seen.State == docker.Running {
			return nil
		}
		words := append(slices.Clone(b.spec.Entrypoint), b.spec.Cmd...)
		steps, err := script.Parse(words, b.getenv)
		if err != nil {
			return err
		}
		w.run(b, steps)
		return nil
	})
}

// Stop implements docker.Engine.
func (w *World) Stop(ctx context.Context, id string, grace time.Duration) error {
	end, err := w.call(ctx, "Stop")
	if err != nil {
		return err
	}
	w.mu.Lock()
	b := w.containers[id]
	stubborn := b != nil && b.seen.State == docker.Running && b.stubborn
	w.mu.Unlock()
	code := 143
	if stubborn {
		code = 137
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(grace):
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if b := w.containers[id]; b != nil {
		w.end(b, code)
	}
	return end(nil)
}

// Remove implements docker.Engine.
func (w *World) Remove(ctx context.Context, id string) error {
	end, err := w.call(ctx, "Remove")
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if b := w.containers[id]; b != nil {
		w.remove(b)
	}
	return end(nil)
}

// Image implements docker.Engine.
func (w *World) Image(ctx context.Context, ref string) (docker.Image, error) {
	end, err := w.call(ctx, "Image")
	if err != nil {
		return docker.Image{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, img := range w.images {
		if name == ref || img.ID == ref {
			return img, end(nil)
		}
	}
	return docker.Image{}, fmt.Errorf("look at image %s: %w", ref, api.ErrNotFound)
}

// Pull implements docker.Engine.
func (w *World) Pull(ctx context.Context, ref string) error {
	end, err := w.call(ctx, "Pull")
	if err != nil {
		return err
	}
	w.mu.Lock()
	takes, ok := w.pullable[ref]
	w.mu.Unlock()
	if !ok {
		return fmt.Errorf("pull %s: %w: manifest unknown", ref, api.ErrNotFound)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(takes):
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	name, _, _ := strings.Cut(ref, ":")
	w.images[ref] = docker.Image{ID: "sha256:" + ref, Digest: name + "@sha256:" + ref}
	return end(nil)
}

// Events implements docker.Engine.
func (w *World) Events(ctx context.Context, since time.Time, connected func(), event func(docker.Event)) error {
	if _, err := w.call(ctx, "Events"); err != nil {
		return err
	}
	w.mu.Lock()
	w.next++
	id, heard := w.next, make(chan docker.Event, 1000)
	w.listeners[id] = heard
	var missed []docker.Event
	for _, e := range w.past {
		if !since.IsZero() && !e.At.Before(since) {
			missed = append(missed, e)
		}
	}
	w.mu.Unlock()
	defer func() { w.mu.Lock(); delete(w.listeners, id); w.mu.Unlock() }()
	connected()
	for _, e := range missed {
		event(e)
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, open := <-heard:
			if !open {
				return fmt.Errorf("events: %w: the stream broke", docker.ErrUnreachable)
			}
			event(e)
		}
	}
}

func (w *World) change(ctx context.Context, method, id string, do func(*box) error) error {
	end, err := w.call(ctx, method)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := w.box(id)
	if err != nil {
		return err
	}
	return end(do(b))
}
