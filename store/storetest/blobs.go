package storetest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// Blobs proves the rules of store.Blobs on stores that open makes, a fresh one for each.
func Blobs(t *testing.T, open func(t *testing.T) store.Blobs) {
	rules := []struct {
		name string
		test func(t *testing.T, b store.Blobs)
	}{
		{"what is put is read by its digest", putOpen},
		{"a put that fails leaves nothing", putFails},
		{"blobs belong to their owner and go away with it", dropOwner},
		{"owners and digests cannot lead elsewhere", traversal},
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) { r.test(t, open(t)) })
	}
}

func put(t *testing.T, b store.Blobs, owner, content string) string {
	t.Helper()
	digest, size, err := b.Put(t.Context(), owner, strings.NewReader(content))
	sum := sha256.Sum256([]byte(content))
	if err != nil || digest != hex.EncodeToString(sum[:]) || size != int64(len(content)) {
		t.Fatalf("put %q as %s, %d bytes: %v", content, digest, size, err)
	}
	return digest
}

func opened(t *testing.T, b store.Blobs, owner, digest, want string) {
	t.Helper()
	r, size, err := b.Open(t.Context(), owner, digest)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || string(got) != want || size != int64(len(want)) {
		t.Fatalf("read %q (%d), %v", got, size, err)
	}
}

func gone(t *testing.T, b store.Blobs, owner, digest string) {
	t.Helper()
	r, _, err := b.Open(t.Context(), owner, digest)
	if err == nil {
		r.Close()
	}
	wantError(t, err, api.ErrNotFound)
}

func putOpen(t *testing.T, b store.Blobs) {
	for _, content := range []string{"abc", "", "abc"} {
		opened(t, b, "run-1", put(t, b, "run-1", content), content)
	}
	gone(t, b, "run-1", strings.Repeat("0", 64))
}

func putFails(t *testing.T, b store.Blobs) {
	broken := errors.New("the line is cut")
	_, _, err := b.Put(t.Context(), "run-1", io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)))
	wantError(t, err, broken)
	sum := sha256.Sum256([]byte("abc"))
	gone(t, b, "run-1", hex.EncodeToString(sum[:]))
}

func dropOwner(t *testing.T, b store.Blobs) {
	one, two := put(t, b, "run-1", "abc"), put(t, b, "run-2", "abc")
	gone(t, b, "run-3", one)
	for range 2 {
		if err := b.Drop(t.Context(), "run-1"); err != nil {
			t.Fatal(err)
		}
	}
	gone(t, b, "run-1", one)
	opened(t, b, "run-2", two, "abc")
}

func traversal(t *testing.T, b store.Blobs) {
	kept := put(t, b, "run-1", "kept")
	for _, owner := range []string{"", ".", "..", "../run-1", "a/../../run-1", "/", "x\x00y", "..\\run-1", strings.Repeat("x", 300)} {
		digest := put(t, b, owner, "mine")
		opened(t, b, owner, digest, "mine")
		gone(t, b, owner, kept)
		gone(t, b, owner, "../run-1/"+kept)
		if err := b.Drop(t.Context(), owner); err != nil {
			t.Fatal(err)
		}
	}
	opened(t, b, "run-1", kept, "kept")
}
