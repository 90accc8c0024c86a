package dockertest

import (
	"context"
	"io"
	"strings"
	"time"

	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/internal/docker"
	"github.com/powernode/powernode/controllers/internal/docker/dockertest/script"
)

// box is a container.
type box struct {
	spec     docker.Spec
	seen     docker.Container
	stubborn bool
	log      string
	life     int // counts starts, so that a timer of an earlier life does nothing
}

func (b *box) getenv(name string) string {
	value := ""
	for _, entry := range b.spec.Env {
		if key, text, _ := strings.Cut(entry, "="); key == name {
			value = text
		}
	}
	return value
}

// run plays a script; w.mu is held.
func (w *World) run(b *box, steps script.Script) {
	b.life++
	b.stubborn = false
	b.seen.State, b.seen.Started, b.seen.ExitCode = docker.Running, time.Now(), 0
	if b.spec.Health != nil {
		b.seen.Health = "starting"
	}
	w.emit("start", b)
	w.play(b, b.life, steps)
}

// play does steps until one takes time, and comes back for the rest.
func (w *World) play(b *box, life int, steps script.Script) {
	for i, step := range steps {
		b.log += step.Output
		b.stubborn = b.stubborn || step.Stubborn
		if step.Exit != nil {
			w.end(b, *step.Exit)
			return
		}
		if step.Sleep > 0 {
			time.AfterFunc(step.Sleep, func() {
				w.mu.Lock()
				defer w.mu.Unlock()
				if b.life == life && b.seen.State == docker.Running {
					w.play(b, life, steps[i+1:])
				}
			})
			return
		}
	}
	w.end(b, 0)
}

// end lets a container end; w.mu is held.
func (w *World) end(b *box, code int) {
	if b.seen.State != docker.Running && b.seen.State != docker.Paused {
		return
	}
	b.life++
	b.seen.State, b.seen.ExitCode, b.seen.Finished = docker.Exited, code, time.Now()
	w.emit("die", b)
}

func (w *World) remove(b *box) {
	w.end(b, 137)
	delete(w.containers, b.seen.ID)
	w.emit("destroy", b)
}

func (w *World) emit(action string, b *box) {
	if w.mute || b.seen.Labels[v1.LabelUID] == "" {
		return
	}
	e := docker.Event{Action: action, ID: b.seen.ID, Labels: b.seen.Labels, At: time.Now()}
	w.past = append(w.past, e)
	for _, heard := range w.listeners {
		heard <- e
	}
}

// Logs implements docker.Engine.
func (w *World) Logs(ctx context.Context, id string, opts docker.LogOptions) (io.ReadCloser, error) {
	end, err := w.call(ctx, "Logs")
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	b, err := w.box(id)
	if err != nil {
		return nil, err
	}
	text := lastLines(b.log, opts.Tail)
	if !opts.Follow {
		return io.NopCloser(strings.NewReader(text)), end(nil)
	}
	reader, writer := io.Pipe()
	from := len(b.log)
	go func() {
		_, _ = io.WriteString(writer, text)
		writer.CloseWithError(w.followLog(ctx, b, from, writer))
	}()
	return reader, end(nil)
}

func (w *World) followLog(ctx context.Context, b *box, from int, to io.Writer) error {
	for ctx.Err() == nil {
		w.mu.Lock()
		text, ended := b.log[from:], b.seen.State != docker.Running
		w.mu.Unlock()
		from += len(text)
		if _, err := io.WriteString(to, text); err != nil || ended {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return ctx.Err()
}

func lastLines(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if n <= 0 || n >= len(lines) {
		return text
	}
	return strings.Join(lines[len(lines)-n:], "")
}
