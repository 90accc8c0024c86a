//go:build failpoints

package failpoint_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/powernode/powernode/api/failpoint"
)

// file has the places fail as a text says.
func file(t *testing.T) (write func(text string), path string) {
	path = filepath.Join(t.TempDir(), "points")
	t.Setenv("POWERNODE_FAILPOINTS", path)
	return func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}, path
}

func TestAPlaceFailsAtTheHitThatIsAskedFor(t *testing.T) {
	write, _ := file(t)
	failed := func() (all string) {
		for range 3 {
			all += fmt.Sprint(errors.Is(failpoint.Hit("a.before"), failpoint.ErrHit), " ")
		}
		return all
	}
	for _, c := range []struct{ text, want string }{
		{"", "false false false "}, {"a.before=error", "true true true "}, {"a.before=error@2\n", "false true false "},
		{"a.before2=error\nb.before=error", "false false false "}, {"x=exit\na.before=error@1", "true false false "},
	} {
		write("")
		failed() // counts begin anew
		write(c.text)
		if got := failed(); got != c.want {
			t.Errorf("%q: %s, want %s", c.text, got, c.want)
		}
	}
}

func TestAPlaceWaitsUntilItIsReleased(t *testing.T) {
	write, path := file(t)
	write("a.after=wait")
	went := make(chan error)
	go func() { went <- failpoint.After("a.after", errors.New("before")) }()
	for _, err := os.Stat(path + ".a.after.hit"); err != nil; _, err = os.Stat(path + ".a.after.hit") {
		time.Sleep(time.Millisecond)
	}
	select {
	case err := <-went:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	write("")
	if err := <-went; err == nil || err.Error() != "before" {
		t.Errorf("the error of what came before: %v", err)
	}
}
