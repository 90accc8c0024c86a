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
	"syscall"
	"testing"
	"time"

	"github.com/powernode/powernode/api"
	protocol "github.com/powernode/powernode/api/runner"
)

func openRoot(t *testing.T, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

// fill makes a tree with everything that may be in a workspace.
func fill(t *testing.T, dir string) {
	t.Helper()
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "a/empty"), 0o755),
		os.MkdirAll(filepath.Join(dir, "read-only"), 0o755),
		os.WriteFile(filepath.Join(dir, "a/script"), []byte("#!/bin/sh"), 0o755),
		os.WriteFile(filepath.Join(dir, "read-only/file"), []byte("x"), 0o400),
		os.Symlink("/somewhere/else", filepath.Join(dir, "absolute")),
		os.Symlink("a/script", filepath.Join(dir, "relative")),
		syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600),
		os.Chtimes(filepath.Join(dir, "a/script"), time.Time{}, time.Unix(1e9, 0)),
		os.Chmod(filepath.Join(dir, "read-only"), 0o555),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "read-only"), 0o755) })
}

func packed(t *testing.T, dir string, keepTimes bool) []byte {
	t.Helper()
	root := openRoot(t, dir)
	names, err := tree(root)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := pack(&b, root, names, keepTimes, 1<<20); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPackingIsDeterministic(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	fill(t, one)
	time.Sleep(10 * time.Millisecond)
	fill(t, two)
	if !bytes.Equal(packed(t, one, false), packed(t, two, false)) {
		t.Error("the same files make different archives")
	}
	if !bytes.Equal(packed(t, one, true), packed(t, one, true)) {
		t.Error("the same directory makes different archives")
	}
}

func TestUnpackingGivesTheSameFiles(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	fill(t, from)
	if _, err := unpack(bytes.NewReader(packed(t, from, true)), openRoot(t, to), true, true, 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(from, "pipe")); err != nil {
		t.Fatal(err)
	}
	// Directories that may not be written get that permission back, for us to remove them.
	if err := os.Chmod(filepath.Join(from, "read-only"), 0o755); err != nil {
		t.Fatal(err)
	}
	a, size, err := fingerprint(openRoot(t, from))
	if err != nil {
		t.Fatal(err)
	}
	b, sizeB, err := fingerprint(openRoot(t, to))
	if err != nil || a != b || size != sizeB {
		t.Errorf("fingerprints %s and %s, sizes %d and %d: %v", a, b, size, sizeB, err)
	}
}

func TestArchivesAreBounded(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "big"), make([]byte, 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	root := openRoot(t, dir)
	if _, err := pack(io.Discard, root, []string{"big"}, false, 99_999); !errors.Is(err, errTooLarge) {
		t.Errorf("pack: %v", err)
	}
	var b bytes.Buffer
	if _, err := pack(&b, root, []string{"big"}, false, 100_000); err != nil {
		t.Fatal(err)
	}
	if _, err := unpack(&b, openRoot(t, t.TempDir()), false, false, 99_999); !errors.Is(err, errTooLarge) {
		t.Errorf("unpack: %v", err)
	}
}

func TestWhatIsNoArchiveIsRefused(t *testing.T) {
	whole := packed(t, func() string { d := t.TempDir(); fill(t, d); return d }(), false)
	for name, content := range map[string][]byte{"empty": nil, "text": []byte("hello"), "cut off": whole[:len(whole)/2]} {
		if _, err := unpack(bytes.NewReader(content), openRoot(t, t.TempDir()), false, false, 1<<20); err == nil {
			t.Errorf("%s is unpacked", name)
		}
	}
}

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

func TestWorkspaceRules(t *testing.T) {
	ctx, kept := t.Context(), shelf{}
	here := workspaces{dir: t.TempDir()}
	space := here.acquire("run")
	put := func(s *workspace, name string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(s.files(), name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	has := func(s *workspace, names ...string) {
		t.Helper()
		got, err := tree(openRoot(t, s.files()))
		if err != nil || strings.Join(got, " ") != strings.Join(names, " ") {
			t.Errorf("the workspace has %v, not %v: %v", got, names, err)
		}
	}
	prepare := func(s *workspace, want *protocol.Blob, shared bool) {
		t.Helper()
		if err := s.prepare(ctx, want, shared, kept.open); err != nil {
			t.Fatal(err)
		}
	}
	snap := func(s *workspace) *protocol.Blob {
		t.Helper()
		blob, note, err := s.snapshot(ctx, kept.upload)
		if err != nil || note != "" {
			t.Fatal(note, err)
		}
		return blob
	}
	prepare(space, nil, false)
	if blob := snap(space); blob != nil {
		t.Errorf("an empty workspace is kept as %v", blob)
	}
	put(space, "one")
	first := snap(space)
	if again := snap(space); *again != *first || len(kept) != 1 {
		t.Errorf("an unchanged workspace is kept again as %v", again)
	}
	put(space, "two")
	prepare(space, first, false) // a step that was offered before the one that wrote two had ended
	has(space, "one", "two")
	second := snap(space)

	other := workspaces{dir: t.TempDir()}
	there := other.acquire("run")
	prepare(there, first, false)
	has(there, "one")
	prepare(there, second, true) // another step works in it
	has(there, "one")
	prepare(there, second, false)
	has(there, "one", "two")
	put(there, "half")
	other.release(there, true) // the step was interrupted
	there = other.acquire("run")
	prepare(there, second, false)
	has(there, "one", "two")

	lost := func(want *protocol.Blob) {
		t.Helper()
		var f *failure
		err := there.prepare(ctx, want, false, kept.open)
		if !errors.As(err, &f) || f.reason != "WorkspaceLost" {
			t.Errorf("prepare %v: %v", want, err)
		}
	}
	lost(&protocol.Blob{SHA256: strings.Repeat("0", 64)})
	lost(&protocol.Blob{Size: 3 << 30})
}

func TestAWorkspaceThatCantBeKeptStaysUsableHere(t *testing.T) {
	spaces := workspaces{dir: t.TempDir()}
	s := spaces.acquire("run")
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
	spaces := workspaces{dir: t.TempDir()}
	now := time.Now()
	for name, age := range map[string]time.Duration{"old": 48 * time.Hour, "older-but-used": 72 * time.Hour, "new": time.Hour, "newer": time.Minute} {
		dir := filepath.Join(spaces.dir, name)
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chtimes(dir, now.Add(-age), now.Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	spaces.acquire("older-but-used")
	left := func(want string) {
		t.Helper()
		entries, err := os.ReadDir(spaces.dir)
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if err != nil || strings.Join(names, " ") != want {
			t.Errorf("left: %v, not %s: %v", names, want, err)
		}
	}
	plenty := func(string) float64 { return 0.5 }
	if err := spaces.sweep(now.Add(-24*time.Hour), plenty); err != nil {
		t.Fatal(err)
	}
	left("new newer older-but-used")
	full := func(string) float64 {
		if _, err := os.Stat(filepath.Join(spaces.dir, "new")); err == nil {
			return 0.01
		}
		return 0.5
	}
	if err := spaces.sweep(now.Add(-24*time.Hour), full); err != nil {
		t.Fatal(err)
	}
	left("newer older-but-used")
}

func hexSum(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}
