package examples

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestTheEncryptionKeyIsRotatedWhileTheServerRuns kills the rotation with -9 a few times on its way;
// whatever it had done by then, every Secret stays readable, and the last one finishes.
func TestTheEncryptionKeyIsRotatedWhileTheServerRuns(t *testing.T) {
	s := startServer(t)
	const secrets = 60
	for n := range secrets {
		s.apply(fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: s%d}\nstringData: {v: value-%d}\n", n, n))
	}
	readable := func(when string) {
		t.Helper()
		out := s.pnctl("get", "secrets", "-o", `jsonpath={range .items[*]}{.data.v}{"\n"}{end}`)
		if got := len(strings.Fields(out)); got != secrets {
			t.Fatalf("%s: %d of %d Secrets are readable", when, got, secrets)
		}
	}
	for try := range 3 {
		rotate := exec.Command(program(t, "pnserver"), "secrets", "rotate", "--data-dir", s.dir)
		if err := rotate.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(20+60*try) * time.Millisecond) // somewhere: the test holds wherever it is
		rotate.Process.Kill()
		rotate.Wait()
		readable("after a rotation that was killed")
	}
	if out, err := s.try(program(t, "pnserver"), "secrets", "rotate", "--data-dir", s.dir); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s.apply("apiVersion: v1\nkind: Secret\nmetadata: {name: s0}\nstringData: {v: written later}\n")
	readable("after the rotation")
	s.formerKeys()
	s.stop()
	s.start()
	readable("after a restart")
}

// formerKeys holds that no document needs a former key any more; one may be dropped once no server
// can be writing with it, a minute later.
func (s *server) formerKeys() {
	s.t.Helper()
	keys, err := s.try(program(s.t, "pnserver"), "secrets", "keys", "--data-dir", s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	former := 0
	for line := range strings.Lines(keys) {
		columns := strings.Fields(line) // KEY SINCE ENCRYPTS DOCUMENTS AVAILABLE
		if len(columns) != 5 || columns[2] != "no" {
			continue
		}
		former++
		if columns[3] != "0" {
			s.t.Errorf("a former key is needed still:\n%s", keys)
		}
		out, err := s.try(program(s.t, "pnserver"), "secrets", "drop-key", columns[0], "--data-dir", s.dir)
		if err == nil || !strings.Contains(out, "wait until it is 1m0s") {
			s.t.Errorf("a key of this moment was dropped: %v\n%s", err, out)
		}
	}
	if former == 0 {
		s.t.Errorf("no former key in\n%s", keys)
	}
}
