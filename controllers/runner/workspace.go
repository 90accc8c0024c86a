package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/powernode/powernode/api"
	protocol "github.com/powernode/powernode/api/runner"
)

// workspaces are the directories that the steps of a run share, one a run.
type workspaces struct {
	dir  string
	mu   sync.Mutex
	open map[string]*workspace // those in use, by file name
}

// workspace is the one of a run. Its methods may be called by several steps at
// once; they take turns.
type workspace struct {
	dir   taskDir // files/ and state.json
	users int     // guarded by workspaces.mu
	mu    sync.Mutex
}

// spaceState says what the files are. It is removed before they are replaced and
// written after, so that a crash in between shows.
type spaceState struct {
	// History names the snapshots that the files have been at, oldest first. A
	// step that asks for one of them finds here that state or what other steps of
	// the run made of it since. "" stands for a state that was too large to keep.
	History     []string       `json:"history,omitempty"`
	Latest      *protocol.Blob `json:"latest,omitempty"`
	Fingerprint string         `json:"fingerprint"` // of the files at that time
}

// acquire keeps the run's workspace from being swept until release.
func (w *workspaces) acquire(run string) *workspace {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := fileName(run)
	s := w.open[name]
	if s == nil {
		s = &workspace{dir: taskDir(filepath.Join(w.dir, name))}
		if w.open == nil {
			w.open = map[string]*workspace{}
		}
		w.open[name] = s
	}
	s.users++
	return s
}

// release gives the workspace up. Unless the step is over and reported, its
// files are in no state that another step may start from; spoilt says so.
func (w *workspaces) release(s *workspace, spoilt bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	_ = os.Chtimes(string(s.dir), now, now)
	if s.users--; s.users > 0 {
		return
	}
	if spoilt {
		_ = os.Remove(s.dir.path("state.json"))
	}
	delete(w.open, filepath.Base(string(s.dir)))
}

func (w *workspaces) shared(s *workspace) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return s.users > 1
}

func (s *workspace) files() string { return s.dir.path("files") }

// opener reads a blob by its digest, and answers for its content.
type opener func(ctx context.Context, sha256 string) (io.ReadCloser, error)

// prepare makes the files those that the step expects: as they are, when they
// come from the wanted snapshot; else empty, or restored from it. Files that
// another step works in are left as they are.
func (s *workspace) prepare(ctx context.Context, want *protocol.Blob, shared bool, open opener) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var state spaceState
	known := s.dir.readJSON("state.json", &state) == nil
	switch {
	case known && (shared || want == nil || slices.Contains(state.History, want.SHA256)):
		return nil
	case want == nil:
		return s.replace(spaceState{}, func(*os.Root) error { return nil })
	case want.SHA256 == "":
		return failed("WorkspaceLost", errors.New("the workspace was too large to be kept, and this runner does not have it"))
	}
	return s.replace(spaceState{History: []string{want.SHA256}, Latest: want}, func(root *os.Root) error {
		return restore(ctx, root, want.SHA256, open)
	})
}

// replace fills a new directory and puts it in the place of the files.
func (s *workspace) replace(state spaceState, fill func(*os.Root) error) error {
	if err := os.MkdirAll(string(s.dir), 0o700); err != nil {
		return err
	}
	if err := os.Remove(s.dir.path("state.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, old := range []string{"files", "incoming"} {
		if err := taskDir(s.dir.path(old)).remove(); err != nil {
			return err
		}
	}
	if err := os.Mkdir(s.dir.path("incoming"), 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(s.dir.path("incoming"))
	if err != nil {
		return err
	}
	defer root.Close()
	if err := fill(root); err != nil {
		return err
	}
	if state.Fingerprint, _, err = fingerprint(root); err != nil {
		return err
	}
	if err := os.Rename(s.dir.path("incoming"), s.files()); err != nil {
		return err
	}
	return s.dir.writeJSON("state.json", state)
}

// restore unpacks a snapshot.
func restore(ctx context.Context, root *os.Root, digest string, open opener) error {
	content, err := open(ctx, digest)
	if errors.Is(err, api.ErrNotFound) {
		return failed("WorkspaceLost", fmt.Errorf("the snapshot of the workspace is gone: %w", err))
	}
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = unpack(&cancellable{ctx, content}, root, true, true, largestArchive)
	if err != nil && ctx.Err() == nil {
		return failed("WorkspaceLost", fmt.Errorf("restore the workspace: %w", err))
	}
	return err
}
