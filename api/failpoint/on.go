//go:build failpoints

package failpoint

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// again is how often a place that waits looks whether it may go on.
const again = 10 * time.Millisecond

// hits counts how often each line of the file was met, since it stands there.
var (
	mu   sync.Mutex
	hits = map[string]int{}
)

// Hit is a place at which an error can be made to come up.
func Hit(name string) error {
	switch action(name) {
	case "exit":
		exit(name)
	case "error":
		return fmt.Errorf("%s: %w", name, ErrHit)
	case "wait":
		mark(name)
		for waits(name) {
			time.Sleep(again)
		}
	}
	return nil
}

// At is a place at which nothing can go wrong but that the process ends there, or stands still.
func At(name string) { _ = Hit(name) }

// After is the error of what came before the place, or the one that is made to come up there.
func After(name string, err error) error { return errors.Join(err, Hit(name)) }

func file() string { return os.Getenv("POWERNODE_FAILPOINTS") }

// lines are what the file says of a name; an unreadable file says nothing.
func lines(name string) (found []string) {
	text, err := os.ReadFile(file())
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, name+"=") {
			found = append(found, line)
		}
	}
	return found
}

// action is what is to be done at this hit of a place.
func action(name string) string {
	mu.Lock()
	defer mu.Unlock()
	stands := lines(name)
	if len(stands) == 0 {
		for line := range hits {
			if strings.HasPrefix(line, name+"=") {
				delete(hits, line)
			}
		}
	}
	for _, line := range stands {
		hits[line]++
		what, at, counted := strings.Cut(strings.TrimPrefix(line, name+"="), "@")
		if n, err := strconv.Atoi(at); !counted || err == nil && n == hits[line] {
			return what
		}
	}
	return ""
}

// waits reports whether the line that has a place wait stands there still.
func waits(name string) bool {
	for _, line := range lines(name) {
		if strings.HasPrefix(line, name+"=wait") {
			return true
		}
	}
	return false
}

// mark leaves word that a place was hit.
func mark(name string) {
	if err := os.WriteFile(file()+"."+name+".hit", nil, 0o600); err != nil {
		fmt.Fprintln(os.Stderr, "failpoint:", err)
	}
}

func exit(name string) {
	mark(name)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}
