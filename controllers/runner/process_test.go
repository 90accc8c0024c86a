package runner

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// A command whose output can't be kept is ended, and does not hang in a pipe that nobody reads.
func TestOutputThatCanNotBeKeptEndsTheCommand(t *testing.T) {
	err := runProcess(t.Context(), taskDir(t.TempDir()), exec.Command("sh", "-c", "while :; do echo more; done"), fullDisk{})
	var f *failure
	if !errors.As(err, &f) || f.reason != "OutputLost" || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("error: %v", err)
	}
}
