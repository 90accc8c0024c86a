package runner

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
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

func TestPackingThatFailsLeavesNoFile(t *testing.T) {
	dir := t.TempDir()
	if f, _, err := packFile(dir, openRoot(t, t.TempDir()), []string{"missing"}, false); err == nil {
		t.Errorf("packed what is not there: %v", f)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
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
