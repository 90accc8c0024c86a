package runner_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	protocol "github.com/powernode/powernode/api/runner"
	"github.com/powernode/powernode/controllers/runner"
)

// family is a script that starts a child and a daemon in a session of its own,
// writes their process ids, and does not listen to SIGTERM.
func family(dir string) string {
	return "trap '' TERM\nsleep 1000 & echo $! >> " + dir + "/pids\nsetsid sleep 1000 & sleep 0.2\n" +
		"for p in $(cat /proc/$$/task/$$/children); do echo $p >> " + dir + "/pids; done\n" +
		"echo $$ >> " + dir + "/pids; touch " + dir + "/ready\nwhile true; do sleep 0.1; done"
}

// gone waits until none of the processes in dir/pids is left.
func (w *world) gone(dir string) {
	w.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "pids"))
	if err != nil {
		w.Fatal(err)
	}
	pids := strings.Fields(string(raw))
	if len(pids) < 3 {
		w.Fatalf("the step wrote %d process ids", len(pids))
	}
	for _, pid := range pids {
		n, err := strconv.Atoi(pid)
		if err != nil {
			w.Fatal(err)
		}
		w.until("the end of process "+pid, func() bool { return syscall.Kill(n, 0) != nil || zombie(pid) })
	}
}

func zombie(pid string) bool {
	raw, err := os.ReadFile("/proc/" + pid + "/stat")
	return err != nil || bytes.Contains(raw, []byte(") Z "))
}

func TestAStepIsHeldToItsTime(t *testing.T) {
	w := newWorld(t)
	w.agent("a")
	dir := t.TempDir()
	s := w.script("slow", family(dir), func(s *protocol.Step) { s.TimeoutSeconds = 1 })
	r := w.do(s)
	if r.Conclusion != protocol.Failure || r.Reason != "TimedOut" || r.Message != "did not end within 1s" {
		t.Errorf("result: %+v", r)
	}
	w.gone(dir)
}

// A daemon of its own session that kept neither environment nor output is found all the same.
func TestNothingOfAStepOutlivesIt(t *testing.T) {
	w := newWorld(t)
	w.agent("a")
	dir := t.TempDir()
	daemon := "env -i setsid bash -c 'echo $$ >> " + dir + "/pids; exec sleep 1000' </dev/null >/dev/null 2>&1 &\n"
	w.succeed(w.script("daemons", "("+daemon+")\n"+daemon+daemon+
		"until [ $(wc -l < "+dir+"/pids) = 3 ]; do sleep 0.01; done"))
	w.gone(dir)
}

// Whatever a step does to its runner's files, it is not run again for it.
func TestAStepThatSpoilsTheRunnersFilesRunsOnce(t *testing.T) {
	for name, c := range map[string]struct {
		spoil string
		want  protocol.Conclusion
	}{
		"result":    {`mkdir -p "$(dirname "$POWERNODE_OUTPUT")/../result.json/x"`, protocol.Success},
		"task":      {`rm -rf "$(dirname "$(dirname "$POWERNODE_OUTPUT")")"; sleep 1000`, protocol.Failure},
		"workspace": {`rm -rf "$(dirname "$POWERNODE_WORKSPACE")"`, protocol.Failure},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.agent("a")
			count := filepath.Join(t.TempDir(), "count")
			r := w.do(w.script("spoil", "echo >> "+count+"; "+c.spoil))
			if r.Conclusion != c.want || r.Conclusion == protocol.Failure && r.Reason != "RunnerFiles" {
				t.Errorf("result: %+v", r)
			}
			if n := w.lines(count); n != 1 {
				t.Errorf("it ran %d times", n)
			}
		})
	}
}

func TestCancelEndsAStep(t *testing.T) {
	w := newWorld(t)
	w.agent("a")
	dir := t.TempDir()
	s := w.script("endless", family(dir))
	w.offer(s)
	w.untilFile(dir + "/ready")
	asked := time.Now()
	if err := w.tasks.Cancel(t.Context(), w.run); err != nil {
		t.Fatal(err)
	}
	r := w.result(s)
	t.Logf("cancelled in %s", time.Since(asked).Round(time.Millisecond))
	if r.Conclusion != protocol.Cancelled {
		t.Errorf("result: %+v", r)
	}
	w.gone(dir)
}

func TestAStepWhoseLeaseIsLostIsStoppedAndNotReported(t *testing.T) {
	w := newWorld(t)
	var reports atomic.Int32
	look := func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/result") {
			reports.Add(1)
		}
	}
	w.seen.Store(&look)
	state := t.TempDir()
	w.agent("a", inDir(state))
	dir := t.TempDir()
	s := w.script("lost", family(dir))
	w.offer(s)
	w.untilFile(dir + "/ready")
	if err := w.tasks.Drop(t.Context(), w.run); err != nil {
		t.Fatal(err)
	}
	w.gone(dir)
	w.until("the task's directory to go", func() bool {
		left, err := os.ReadDir(filepath.Join(state, "tasks"))
		return err == nil && len(left) == 0
	})
	if n := reports.Load(); n != 0 {
		t.Errorf("%d results were reported", n)
	}
}

func TestAStepOutlivesAnOutageOfTheServer(t *testing.T) {
	w := newWorld(t)
	var reports atomic.Int32
	look := func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/result") {
			reports.Add(1)
		}
	}
	w.seen.Store(&look)
	w.agent("a")
	dir := t.TempDir()
	s := w.script("long", "echo begin; while test ! -e "+dir+"/go; do sleep 0.02; done; for i in 1 2 3 4 5; do echo line $i; sleep 0.05; done; touch "+dir+"/over")
	w.offer(s)
	w.until("the first line", func() bool { return w.log(s) == "begin\n" })
	w.down.Store(true)
	w.write(dir+"/go", "")
	w.untilFile(dir + "/over")
	if got := w.log(s); got != "begin\n" {
		t.Errorf("log while the server is down: %q", got)
	}
	w.down.Store(false)
	if r := w.result(s); r.Conclusion != protocol.Success {
		t.Errorf("result: %+v", r)
	}
	if got, want := w.log(s), "begin\nline 1\nline 2\nline 3\nline 4\nline 5\n"; got != want {
		t.Errorf("log: %q", got)
	}
	if n := reports.Load(); n != 1 {
		t.Errorf("%d results were reported", n)
	}
}

func TestALogWithoutEndDoesNotFillMemory(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("the system has no /proc")
	}
	w := newWorld(t)
	p := w.process(runnerConfig{Name: "a", Dir: t.TempDir()})
	// One line of 100 MiB; then what the shim, the script's parent, took at most.
	s := w.script("flood", "head -c 104857600 /dev/zero | tr '\\0' x; echo; grep VmHWM /proc/$PPID/status")
	if r := w.do(s); r.Conclusion != protocol.Success {
		t.Fatalf("result: %+v", r)
	}
	data := w.log(s)
	last := strings.TrimSpace(data[100<<20:])
	if strings.Trim(data[:100<<20], "x") != "" || !strings.HasPrefix(last, "VmHWM:") {
		t.Fatalf("the log has %d bytes", len(data))
	}
	status, err := os.ReadFile("/proc/" + strconv.Itoa(p.Process.Pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for who, text := range map[string]string{"shim": last, "runner": string(status)} {
		_, rest, _ := strings.Cut(text, "VmHWM:")
		kib, err := strconv.Atoi(strings.Fields(rest)[0])
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("the %s took at most %d MiB", who, kib>>10)
		if kib > 200<<10 {
			t.Errorf("the %s took %d MiB", who, kib>>10)
		}
	}
}

func TestOneRunnerPerDirectory(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	w.agent("a", inDir(dir))
	w.untilFile(dir + "/lock")
	w.untilFile(dir + "/tasks")
	second := &runner.Agent{Client: w.client(), Name: "b", Dir: dir, Docker: runner.DockerOff}
	if err := second.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "another runner works in") {
		t.Errorf("a second runner in the same directory: %v", err)
	}
}

func TestDrainLetsAStepFinish(t *testing.T) {
	w := newWorld(t)
	stop := w.agent("a", func(a *runner.Agent) { a.Drain = patience })
	dir := t.TempDir()
	s := w.script("long", "touch "+dir+"/ready; while test ! -e "+dir+"/go; do sleep 0.02; done")
	w.offer(s)
	w.untilFile(dir + "/ready")
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	other := w.script("other", "true")
	w.offer(other)
	w.write(dir+"/go", "")
	<-stopped
	if r := w.result(s); r.Conclusion != protocol.Success {
		t.Errorf("result: %+v", r)
	}
}

func TestWithoutDrainAStepGoesBack(t *testing.T) {
	w := newWorld(t)
	state := t.TempDir()
	stop := w.agent("a", inDir(state))
	dir := t.TempDir()
	s := w.script("long", family(dir))
	w.offer(s)
	w.untilFile(dir + "/ready")
	stop()
	w.gone(dir)
	if got := w.state(s); got.Phase == protocol.TaskFinished {
		t.Errorf("the step was reported: %s", got.Result)
	}
	if left, err := os.ReadDir(filepath.Join(state, "tasks")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestALeftStepIsTakenUpAgain(t *testing.T) {
	w := newWorld(t)
	state, dir := t.TempDir(), t.TempDir()
	stop := w.agent("a", inDir(state), func(a *runner.Agent) { a.Leave = true })
	s := w.script("long", "echo one >> "+dir+"/count; echo begin; touch "+dir+"/ready; while test ! -e "+dir+"/go; do sleep 0.02; done; echo end; echo k=v >> $POWERNODE_OUTPUT")
	w.offer(s)
	w.untilFile(dir + "/ready")
	stop()
	w.agent("a", inDir(state))
	w.write(dir+"/go", "")
	r := w.result(s)
	if r.Conclusion != protocol.Success || r.Outputs["k"] != "v" {
		t.Errorf("result: %+v", r)
	}
	if n := w.lines(dir + "/count"); n != 1 {
		t.Errorf("the step ran %d times", n)
	}
	if got := w.log(s); got != "begin\nend\n" {
		t.Errorf("log: %q", got)
	}
}
