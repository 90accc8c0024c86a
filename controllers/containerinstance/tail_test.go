package containerinstance

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/powernode/powernode/controllers/internal/docker"
)

// However the text comes in pieces, its end is kept, whole characters only, and the marker counts the rest.
func TestTailKeepsTheEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]string{"a", "é", "漢", "🙂", "ab\n"}).Draw(t, "unit")
		text := strings.Repeat(unit, rapid.IntRange(0, 100_000).Draw(t, "times"))
		var kept tail
		for rest := text; len(rest) > 0; {
			n := min(len(rest), rapid.IntRange(1, 70_000).Draw(t, "piece"))
			_, _ = kept.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		got := string(kept.bytes())
		if len(text) <= keepLogBytes {
			if got != text {
				t.Fatalf("%d bytes became %d", len(text), len(got))
			}
			return
		}
		first, end, _ := strings.Cut(got, "\n")
		cut := len(text) - len(end)
		if first != fmt.Sprintf("[truncated: %d bytes before this were cut]", cut) || !strings.HasSuffix(text, end) ||
			!utf8.ValidString(end) || len(end) > keepLogBytes || len(end) < keepLogBytes-utf8.UTFMax {
			t.Fatalf("first line %q, then %d bytes of %d", first, len(end), len(text))
		}
	})
}

// slow is an engine whose whole log never ends.
type slow struct{ docker.Engine }

func (slow) Logs(ctx context.Context, _ string, opts docker.LogOptions) (io.ReadCloser, error) {
	if opts.Tail > 0 {
		return io.NopCloser(strings.NewReader("last\n")), nil
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestALogThatIsTooLongToReadIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text, err := readTail(t.Context(), slow{}, "c")
		want := "[truncated: the log is too long to be read whole; all before its last 1000 lines was cut]\nlast\n"
		if string(text) != want || err != nil {
			t.Errorf("%q, %v", text, err)
		}
	})
}

func TestLastLines(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want string
	}{
		{"a\nb\nc\n", 2, "b\nc\n"}, {"a\nb\nc", 2, "b\nc"}, {"a\n", 5, "a\n"}, {"a\nb\n", 0, ""}, {"a\nb\n", -1, "a\nb\n"}, {"", 3, ""}, {"\n\n", 1, "\n"},
	} {
		if got := string(lastLines([]byte(c.text), c.n)); got != c.want {
			t.Errorf("last %d of %q: %q, want %q", c.n, c.text, got, c.want)
		}
	}
}
