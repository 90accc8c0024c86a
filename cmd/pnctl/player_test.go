package main

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/runner"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/memory"
)

// A player stands where the controller and a runner are: it plays each new run by
// the name of its pipeline. good succeeds and leaves an artifact, bad fails, slow
// goes on until it is cancelled.
type player struct {
	objects *memory.Store
	logs    *memory.Logs
	blobs   *memory.Blobs
	runs    sync.WaitGroup
}

// newPlayer has a world with namespaces, and plays nothing yet.
func newPlayer() *player {
	p := &player{objects: &memory.Store{}, logs: &memory.Logs{}, blobs: &memory.Blobs{}}
	for _, name := range []string{"default", "other"} {
		_, err := p.objects.Create(context.Background(), &api.Object{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Status:     json.RawMessage(`{"phase":"Active"}`),
		})
		if err != nil {
			panic(err) // the first objects of an empty memory store
		}
	}
	return p
}

func startPlayer(t *testing.T) *player {
	ctx, cancel := context.WithCancel(context.Background())
	p := newPlayer()
	p.runs.Go(func() { p.watch(ctx, t) })
	t.Cleanup(func() { cancel(); p.runs.Wait() })
	return p
}

func (p *player) watch(ctx context.Context, t *testing.T) {
	seen := map[string]bool{}
	for event, err := range p.objects.Watch(ctx, v1.PipelineRun, 0, store.WatchOptions{}) {
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			t.Errorf("watch: %v", err)
			return
		}
		if event.Type != store.Added || seen[event.Object.Name] {
			continue
		}
		seen[event.Object.Name] = true
		run := event.Object
		p.runs.Go(func() {
			if err := p.play(ctx, run); err != nil && ctx.Err() == nil {
				t.Errorf("play %s: %v", run.Name, err)
			}
		})
	}
}

func (p *player) play(ctx context.Context, run *api.Object) error {
	r, err := decodeRun(run)
	if err != nil {
		return err
	}
	start := metav1.NewTime(time.Now().Truncate(time.Second))
	s := v1.StepStatus{Name: "work", Type: "custom", Phase: v1.RunRunning, Attempts: 1, Started: &start}
	status := v1.PipelineRunStatus{Phase: v1.RunRunning, Number: 1, Started: &start, Steps: []v1.StepStatus{s}}
	if err := p.post(ctx, run.Key(), status); err != nil {
		return err
	}
	text := "inputs " + string(mustJSON(r.Spec.Inputs)) + "\nby " + r.Spec.Trigger.Type + "\n"
	stream := runner.LogStream(string(run.UID), "work", 1)
	if _, err := p.logs.Append(ctx, stream, 0, []byte(text)); err != nil {
		return err
	}
	phase := map[string]string{"good": v1.RunSuccess, "bad": v1.RunFailure}[r.Spec.PipelineRef.Name]
	if phase == "" {
		phase = v1.RunCancelled
		if err := p.cancelled(ctx, run.Key()); err != nil {
			return err
		}
	}
	end := metav1.NewTime(start.Add(3 * time.Second))
	last := &status.Steps[0]
	last.Phase, last.Finished = phase, &end
	if phase == v1.RunFailure {
		code := 3
		last.ExitCode, last.Reason, last.Message = &code, "ExitCode", "exit code 3"
	}
	if phase == v1.RunSuccess {
		sum, size, err := p.blobs.Put(ctx, string(run.UID), bytes.NewReader([]byte("an archive")))
		if err != nil {
			return err
		}
		status.Artifacts = []v1.RunArtifact{{Name: "dist", Step: "work", SHA256: sum, Size: size, Files: 1}}
	}
	status.Phase, status.Finished = phase, &end
	if err := p.logs.Close(ctx, stream); err != nil {
		return err
	}
	return p.post(ctx, run.Key(), status)
}

func (p *player) post(ctx context.Context, key api.Key, status v1.PipelineRunStatus) error {
	for {
		now, err := p.objects.Get(ctx, key)
		if err != nil {
			return err
		}
		next := now.Clone()
		next.Status = mustJSON(status)
		if _, err = p.objects.UpdateStatus(ctx, next); err == nil || ctx.Err() != nil {
			return err
		}
	}
}

// cancelled waits for spec.cancel.
func (p *player) cancelled(ctx context.Context, key api.Key) error {
	for ctx.Err() == nil {
		now, err := p.objects.Get(ctx, key)
		if err != nil {
			return err
		}
		if r, err := decodeRun(now); err != nil || r.Spec.Cancel {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
	return ctx.Err()
}

func mustJSON(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}
