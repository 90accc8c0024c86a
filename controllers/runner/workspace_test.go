package runner

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/powernode/powernode/api"
	protocol "github.com/powernode/powernode/api/runner"
)

// shelf keeps contents as the server does.
type shelf map[string][]byte

func (s shelf) upload(_ context.Context, _ int64, open func() (io.ReadCloser, error)) (protocol.Blob, error) {
	r, err := open()
	if err != nil {
		return protocol.Blob{}, err
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return protocol.Blob{}, err
	}
	sum := hexSum(raw)
	s[sum] = raw
	return protocol.Blob{SHA256: sum, Size: int64(len(raw))}, nil
}

func (s shelf) open(_ context.Context, digest string) (io.ReadCloser, error) {
	raw, found := s[digest]
	if !found {
		return nil, api.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(raw)), nil
}

// spaces tests workspaces of one run, with a shelf for their snapshots.
type spaces struct {
	*testing.T
	kept shelf
}

func (t spaces) put(s *workspace, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.files(), name), []byte(name), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (t spaces) has(s *workspace, names ...string) {
	t.Helper()
	got, err := tree(openRoot(t.T, s.files()))
	if err != nil || strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("the workspace has %v, not %v: %v", got, names, err)
	}
}

func (t spaces) prepare(s *workspace, want *protocol.Blob, shared bool) {
	t.Helper()
	if err := s.prepare(t.Context(), want, shared, t.kept.open); err != nil {
		t.Fatal(err)
	}
}

func (t spaces) snapshot(s *workspace) *protocol.Blob {
	t.Helper()
	blob, note, err := s.snapshot(t.Context(), t.kept.upload)
	if err != nil || note != "" {
		t.Fatal(note, err)
	}
	return blob
}

func (t spaces) lost(s *workspace, want *protocol.Blob) {
	t.Helper()
	var f *failure
	err := s.prepare(t.Context(), want, false, t.kept.open)
	if !errors.As(err, &f) || f.reason != "WorkspaceLost" {
		t.Errorf("prepare %v: %v", want, err)
	}
}

func TestWorkspaceRules(test *testing.T) {
	t := spaces{test, shelf{}}
	here := workspaces{dir: t.TempDir()}
	space := here.acquire("run")
	t.prepare(space, nil, false)
	if blob := t.snapshot(space); blob != nil {
		t.Errorf("an empty workspace is kept as %v", blob)
	}
	t.put(space, "one")
	first := t.snapshot(space)
	if again := t.snapshot(space); *again != *first || len(t.kept) != 1 {
		t.Errorf("an unchanged workspace is kept again as %v", again)
	}
	t.put(space, "two")
	t.prepare(space, first, false) // a step that was offered before the one that wrote two had ended
	t.has(space, "one", "two")
	second := t.snapshot(space)

	other := workspaces{dir: t.TempDir()}
	there := other.acquire("run")
	t.prepare(there, first, false)
	t.has(there, "one")
	t.prepare(there, second, true) // another step works in it
	t.has(there, "one")
	t.prepare(there, second, false)
	t.has(there, "one", "two")
	t.put(there, "half")
	other.release(there, true) // the step was interrupted
	there = other.acquire("run")
	t.prepare(there, second, false)
	t.has(there, "one", "two")
	t.lost(there, &protocol.Blob{SHA256: strings.Repeat("0", 64)})
	t.lost(there, &protocol.Blob{Size: 3 << 30})
}

func TestAWorkspaceThatCantBeKeptStaysUsableHere(t *testing.T) {
	here := workspaces{dir: t.TempDir()}
	s := here.acquire("run")
	if err := s.prepare(t.Context(), nil, false, shelf{}.open); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.files(), "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	blob, note, err := s.snapshot(t.Context(), func(context.Context, int64, func() (io.ReadCloser, error)) (protocol.Blob, error) {
		return protocol.Blob{}, errors.New("too large")
	})
	if err != nil || blob == nil || blob.SHA256 != "" || !strings.Contains(note, "is not saved") {
		t.Fatal(blob, note, err)
	}
	if err := s.prepare(t.Context(), blob, false, shelf{}.open); err != nil {
		t.Errorf("the runner that has the files can't use them: %v", err)
	}
}

func TestSweep(t *testing.T) {
	here := workspaces{dir: t.TempDir()}
	now := time.Now()
	for name, age := range map[string]time.Duration{"old": 48 * time.Hour, "older-but-used": 72 * time.Hour, "new": time.Hour, "newer": time.Minute} {
		dir := filepath.Join(here.dir, name)
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chtimes(dir, now.Add(-age), now.Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	here.acquire("older-but-used")
	left := func(want string) {
		t.Helper()
		entries, err := os.ReadDir(here.dir)
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if err != nil || strings.Join(names, " ") != want {
			t.Errorf("left: %v, not %s: %v", names, want, err)
		}
	}
	plenty := func(string) float64 { return 0.5 }
	if err := here.sweep(now.Add(-24*time.Hour), plenty); err != nil {
		t.Fatal(err)
	}
	left("new newer older-but-used")
	full := func(string) float64 {
		if _, err := os.Stat(filepath.Join(here.dir, "new")); err == nil {
			return 0.01
		}
		return 0.5
	}
	if err := here.sweep(now.Add(-24*time.Hour), full); err != nil {
		t.Fatal(err)
	}
	left("newer older-but-used")
}

func hexSum(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}
