package runner

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// resume takes up every task that an earlier Run left. They don't count against
// Parallel: they run already.
func (a *Agent) resume(ctx context.Context, steps *sync.WaitGroup) error {
	entries, err := os.ReadDir(a.tasksDir())
	if err != nil {
		return fmt.Errorf("runner's directory: %w", err)
	}
	for _, entry := range entries {
		t := &task{agent: a, adopted: true}
		dir := taskDir(filepath.Join(a.tasksDir(), entry.Name()))
		if err := dir.readJSON("task.json", &t.record); err != nil {
			a.Log.Warn("what a task left can't be read and is removed", "dir", string(dir), "error", err)
			a.discard(dir)
			continue
		}
		t.setUp(nil)
		a.enter(t)
		t.log.Info("step taken up again")
		steps.Go(func() {
			defer a.leave(t)
			t.run(ctx, func(context.Context) error { return t.resumable() })
		})
	}
	return nil
}

// resumable tells a task that was begun from one that never was: what its shim
// had to be told is gone, so it goes back to the server.
func (t *task) resumable() error {
	alive, err := t.dir.alive()
	if err != nil || alive || t.dir.has("exit.json") || t.dir.has("result.json") {
		return err
	}
	return errInterrupted
}

// discard removes the remains of a task that can't be taken up.
func (a *Agent) discard(dir taskDir) {
	killStragglers(dir)
	if err := dir.remove(); err != nil {
		a.Log.Error("what a task left can't be removed", "dir", string(dir), "error", err)
	}
}
