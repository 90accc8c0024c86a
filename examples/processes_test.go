package examples

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// processes are the command lines that all users of the machine could see.
type processes struct {
	t    *testing.T
	stop chan struct{}
	all  chan map[string]bool
}

// watchProcesses notes all command lines from now on, as often as it can.
func watchProcesses(t *testing.T) *processes {
	p := &processes{t, make(chan struct{}), make(chan map[string]bool, 1)}
	go func() {
		seen := map[string]bool{}
		defer func() { p.all <- seen }()
		for {
			listProcesses(seen)
			select {
			case <-p.stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	return p
}

func listProcesses(seen map[string]bool) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is valid
	for _, file := range files {
		if line, err := os.ReadFile(file); err == nil { // it may have ended
			seen[string(bytes.ReplaceAll(line, []byte{0}, []byte(" ")))] = true
		}
	}
}

// lacks ends the watch and checks that no secret was seen; that of the server's command line was
// shows that one would have been.
func (p *processes) lacks(secrets []string) {
	p.t.Helper()
	close(p.stop)
	server := false
	for line := range <-p.all {
		server = server || strings.Contains(line, "pnserver serve --listen")
		for _, secret := range secrets {
			if strings.Contains(line, secret) {
				p.t.Errorf("all users of the machine could see %.12s... in %.200s", secret, line)
			}
		}
	}
	if !server {
		p.t.Errorf("the list of processes is blind")
	}
}
