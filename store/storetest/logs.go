package storetest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// Logs proves the rules of store.Logs on stores that open makes, a fresh one for each.
func Logs(t *testing.T, open func(t *testing.T) store.Logs) {
	rules := []struct {
		name string
		test func(t *testing.T, l store.Logs)
	}{
		{"what is appended is read, from any offset, in any portion", readPortions},
		{"an append elsewhere than at the end adds nothing and tells the end", appendElsewhere},
		{"a closed stream takes no more, and says so to its readers", closed},
		{"an empty read waits for data, an end, or its time", readWaits},
		{"drop removes the streams of a prefix and no others", dropPrefix},
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) { r.test(t, open(t)) })
	}
}

func add(t *testing.T, l store.Logs, stream string, offset int64, data string) int64 {
	t.Helper()
	end, err := l.Append(t.Context(), stream, offset, []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return end
}

func read(t *testing.T, l store.Logs, stream string, offset int64, most int, wait time.Duration) (string, bool) {
	t.Helper()
	data, closed, err := l.Read(t.Context(), stream, offset, most, wait)
	if err != nil {
		t.Fatal(err)
	}
	return string(data), closed
}

func readPortions(t *testing.T, l store.Logs) {
	const text = "one\ntwo\x00\xff\nthree\n"
	end := int64(0)
	for _, part := range strings.SplitAfter(text, "\n") {
		end = add(t, l, "run/1/a/1", end, part)
	}
	add(t, l, "run/1/b/1", 0, "another")
	if end != int64(len(text)) {
		t.Fatalf("the end is %d", end)
	}
	for offset := range len(text) + 1 {
		for _, most := range []int{1, 3, 7, 100} {
			want := text[offset:min(len(text), offset+most)]
			if got, closed := read(t, l, "run/1/a/1", int64(offset), most, 0); got != want || closed {
				t.Fatalf("%d bytes at %d are %q, not %q", most, offset, got, want)
			}
		}
	}
	if got, closed := read(t, l, "nobody", 0, 10, 0); got != "" || closed {
		t.Fatalf("a stream that is not there reads %q, %v", got, closed)
	}
}

func appendElsewhere(t *testing.T, l store.Logs) {
	end, err := l.Append(t.Context(), "s", 5, []byte("x"))
	wantError(t, err, api.ErrConflict)
	if end != 0 {
		t.Fatalf("the end is %d", end)
	}
	add(t, l, "s", 0, "abc")
	for _, offset := range []int64{0, 2, 4} {
		end, err := l.Append(t.Context(), "s", offset, []byte("abc"))
		wantError(t, err, api.ErrConflict)
		if end != 3 {
			t.Fatalf("the end is %d", end)
		}
	}
	if got, _ := read(t, l, "s", 0, 100, 0); got != "abc" {
		t.Fatalf("read %q", got)
	}
}

func closed(t *testing.T, l store.Logs) {
	add(t, l, "s", 0, "abc")
	for range 2 {
		if err := l.Close(t.Context(), "s"); err != nil {
			t.Fatal(err)
		}
	}
	if _, closed := read(t, l, "s", 0, 2, 0); closed {
		t.Fatal("there is more to read")
	}
	if got, closed := read(t, l, "s", 0, 3, 0); got != "abc" || !closed {
		t.Fatalf("read %q, %v", got, closed)
	}
	if got, closed := read(t, l, "s", 3, 3, long); got != "" || !closed {
		t.Fatalf("read %q, %v", got, closed)
	}
	_, err := l.Append(t.Context(), "s", 3, []byte("d"))
	wantError(t, err, api.ErrForbidden)
	if err := l.Close(t.Context(), "never written"); err != nil {
		t.Fatal(err)
	}
	if _, closed := read(t, l, "never written", 0, 3, long); !closed {
		t.Fatal("still open")
	}
}

func readWaits(t *testing.T, l store.Logs) {
	if got, closed := read(t, l, "s", 0, 3, time.Millisecond); got != "" || closed {
		t.Fatalf("read %q, %v", got, closed)
	}
	type answer struct {
		data   string
		closed bool
		err    error
	}
	waiting := func(offset int64) <-chan answer {
		got := make(chan answer, 1)
		go func() {
			data, closed, err := l.Read(t.Context(), "s", offset, 10, long)
			got <- answer{string(data), closed, err}
		}()
		return got
	}
	first := waiting(0)
	add(t, l, "s", 0, "abc")
	if a := <-first; a.data != "abc" || a.closed || a.err != nil {
		t.Fatalf("read %+v", a)
	}
	second := waiting(3)
	if err := l.Close(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	if a := <-second; a.data != "" || !a.closed || a.err != nil {
		t.Fatalf("read %+v", a)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := l.Read(ctx, "open", 0, 10, long); err == nil {
		t.Fatal("read on after its context's end")
	}
}

func dropPrefix(t *testing.T, l store.Logs) {
	for _, stream := range []string{"run/1/a", "run/1/ü", "run/10/a", "run/2/a"} {
		add(t, l, stream, 0, "x")
	}
	if err := l.Drop(t.Context(), "run/1/"); err != nil {
		t.Fatal(err)
	}
	for stream, want := range map[string]string{"run/1/a": "", "run/1/ü": "", "run/10/a": "x", "run/2/a": "x"} {
		if got, _ := read(t, l, stream, 0, 10, 0); got != want {
			t.Errorf("%s reads %q", stream, got)
		}
	}
	if end := add(t, l, "run/1/a", 0, "anew"); end != 4 {
		t.Fatalf("the end is %d", end)
	}
	if got, _ := read(t, l, "run/1/a", 0, 10, 0); got != "anew" {
		t.Fatalf("read %q", got)
	}
}
