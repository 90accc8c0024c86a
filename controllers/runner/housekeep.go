package runner

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

const (
	defaultKeep = 24 * time.Hour
	sweepEvery  = 10 * time.Minute
	// leastFree is the part of the disk that workspaces leave free: below it the
	// oldest ones go, whatever their age.
	leastFree = 0.05
)

// housekeep removes what no step needs any more, at the start and then now and again.
func (a *Agent) housekeep(ctx context.Context) {
	for {
		if a.probeDocker(ctx) {
			if err := removeOrphans(ctx, a.dockerEndpoint(), a.Name, a.knows); err != nil && ctx.Err() == nil {
				a.Log.Warn("containers of lost steps can't be removed", "error", err)
			}
		}
		keep := a.KeepWorkspaces
		if keep == 0 {
			keep = defaultKeep
		}
		if err := a.spaces.sweep(time.Now().Add(-keep), diskFree); err != nil {
			a.Log.Warn("old workspaces can't be removed", "error", err)
		}
		if !pause(ctx, min(sweepEvery, keep)) {
			return
		}
	}
}

// sweep removes the workspaces that nobody uses and that were last used before
// the given time, and further ones, the oldest first, while the disk is nearly full.
func (w *workspaces) sweep(before time.Time, free func(dir string) float64) error {
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return err
	}
	type unused struct {
		name string
		at   time.Time
	}
	var all []unused
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil {
			all = append(all, unused{entry.Name(), info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b unused) int { return a.at.Compare(b.at) })
	for _, u := range all {
		if !u.at.Before(before) && free(w.dir) >= leastFree {
			break
		}
		if err := w.removeUnused(u.name); err != nil {
			return err
		}
	}
	return nil
}

func (w *workspaces) removeUnused(name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open[name] != nil {
		return nil
	}
	return taskDir(filepath.Join(w.dir, name)).remove()
}

// diskFree is the part of dir's disk that is free, 1 where that can't be told.
func diskFree(dir string) float64 {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil || s.Blocks == 0 {
		return 1
	}
	return float64(s.Bavail) / float64(s.Blocks)
}
