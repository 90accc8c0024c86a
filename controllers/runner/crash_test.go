package runner_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	protocol "github.com/powernode/powernode/api/runner"
)

// process starts a runner as a process of its own.
func (w *world) process(c runnerConfig) *exec.Cmd {
	w.Helper()
	c.Server = w.url
	if c.Docker == "" {
		c.Docker = "off"
	}
	raw, err := json.Marshal(c)
	if err != nil {
		w.Fatal(err)
	}
	p := exec.Command(os.Args[0], runnerArgument, string(raw))
	p.Stderr = os.Stderr
	if err := p.Start(); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
	return p
}

func (w *world) kill9(p *exec.Cmd) {
	w.Helper()
	if err := p.Process.Kill(); err != nil {
		w.Fatal(err)
	}
	_ = p.Wait()
}

func TestKillingARunnerDoesNotMakeAStepRunTwice(t *testing.T) {
	for name, whileDead := range map[string]bool{"the step ends after the restart": false, "the step ends while no runner lives": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.secret("deploy", "token", "s3cr3t-t0ken-value")
			state, dir := t.TempDir(), t.TempDir()
			p := w.process(runnerConfig{Name: "a", Dir: state})
			s := w.script("once", "echo one >> "+dir+"/count; echo begin; touch "+dir+"/ready; while test ! -e "+dir+"/go; do sleep 0.02; done; echo end $TOKEN; echo k=$TOKEN >> $POWERNODE_OUTPUT; touch "+dir+"/over",
				func(s *protocol.Step) {
					s.SecretRefs = []protocol.SecretRef{{As: "TOKEN", Name: "deploy", Key: "token"}}
					s.Env = []protocol.EnvVar{{Name: "TOKEN", Secret: "TOKEN"}}
				})
			w.offer(s)
			w.untilFile(dir + "/ready")
			w.kill9(p)
			if whileDead {
				w.write(dir+"/go", "")
				w.untilFile(dir + "/over")
			}
			w.process(runnerConfig{Name: "a", Dir: state})
			w.write(dir+"/go", "")
			r := w.result(s)
			if r.Conclusion != protocol.Success || r.Outputs["k"] != "***" {
				t.Errorf("result: %+v", r)
			}
			if n := w.lines(dir + "/count"); n != 1 {
				t.Errorf("the step ran %d times", n)
			}
			if got := w.log(s); got != "begin\nend ***\n" {
				t.Errorf("log: %q", got)
			}
			if got := w.state(s); got.Leases != 1 {
				t.Errorf("the step was leased %d times", got.Leases)
			}
		})
	}
}

// TestKillingARunnerAgainAndAgain kills it at moments that nobody chose, and
// counts what the steps did.
func TestKillingARunnerAgainAndAgain(t *testing.T) {
	w := newWorld(t)
	state, dir := t.TempDir(), t.TempDir()
	var steps []protocol.Step
	for i := range 6 {
		n := strconv.Itoa(i)
		s := w.script("s"+n, "echo one >> "+dir+"/count"+n+"; for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.05; done", func(s *protocol.Step) { s.RunUID = w.run[:len(w.run)-1] + n })
		steps = append(steps, s)
	}
	config := runnerConfig{Name: "a", Dir: state, Parallel: 6}
	p := w.process(config)
	for _, s := range steps {
		w.offer(s)
	}
	for i, s := range steps {
		w.untilFile(dir + "/count" + strconv.Itoa(i))
		w.until("some output", func() bool { return w.log(s) != "" })
		w.kill9(p)
		p = w.process(config)
	}
	for i, s := range steps {
		if r := w.result(s); r.Conclusion != protocol.Success {
			t.Errorf("step %d: %+v", i, r)
		}
		if n := w.lines(dir + "/count" + strconv.Itoa(i)); n != 1 {
			t.Errorf("step %d ran %d times", i, n)
		}
		if got := w.log(s); got != "1\n2\n3\n4\n5\n6\n7\n8\n" {
			t.Errorf("step %d: log: %q", i, got)
		}
	}
}

// TestAnotherRunnerTakesOver kills a runner and all its steps, as the loss of
// its machine does.
func TestAnotherRunnerTakesOver(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a lease to run out")
	}
	t.Parallel()
	w := newWorld(t)
	state, dir := t.TempDir(), t.TempDir()
	p := w.process(runnerConfig{Name: "a", Dir: state})
	before := w.succeed(w.script("before", "mkdir -p sub; echo kept > sub/file; ln -s sub/file link; chmod 750 sub"))[0]
	s := w.script("taken", "cat link; stat -c %a sub; test ! -e half; echo spoilt > half; echo one >> "+dir+"/count; touch "+dir+"/ready; while test ! -e "+dir+"/go; do sleep 0.02; done",
		func(s *protocol.Step) { s.Workspace = before.Workspace })
	w.offer(s, "a")
	w.untilFile(dir + "/ready")
	w.until("its output", func() bool { return w.log(s) == "kept\n750\n" })
	shim, err := os.ReadFile(filepath.Join(state, "tasks", protocol.TaskID(w.run, "taken", 1), "shim.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(shim))
	if err != nil {
		t.Fatal(err)
	}
	w.kill9(p)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.write(dir+"/go", "")
	w.process(runnerConfig{Name: "b", Dir: t.TempDir()})
	r := w.result(s)
	if r.Conclusion != protocol.Success {
		t.Errorf("result: %+v\n%s", r, w.log(s))
	}
	if n := w.lines(dir + "/count"); n != 2 {
		t.Errorf("the step was begun %d times", n)
	}
	got := w.log(s)
	if !strings.HasPrefix(got, "kept\n750\n") || !strings.HasSuffix(got, "b begins it again]\nkept\n750\n") {
		t.Errorf("log: %q", got)
	}
	// The first runner comes back, finds that the step is no longer its own, and forgets it.
	w.process(runnerConfig{Name: "a", Dir: state})
	w.until("the task's directory to go", func() bool {
		left, err := os.ReadDir(filepath.Join(state, "tasks"))
		return err == nil && len(left) == 0
	})
	after := w.script("after", "cat half", func(s *protocol.Step) { s.Workspace = r.Workspace })
	w.succeed(after)
}
