package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/powernode/powernode/api/v1"

	"github.com/powernode/powernode/api"
)

func phase(p string, steps ...v1.StepStatus) v1.PipelineRunStatus {
	return v1.PipelineRunStatus{Phase: p, Steps: steps}
}

func step(name, p string, attempts int) v1.StepStatus {
	return v1.StepStatus{Name: name, Type: "custom", Phase: p, Attempts: attempts}
}

// output collects what a view writes, safely for readers.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// until waits for the output to hold text.
func (o *output) until(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(o.String(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%q never came; there is:\n%s", text, o)
		}
	}
}

// following is a run that is followed in the background, in plain lines.
type following struct {
	out, notices output
	done         chan error
	cancel       context.CancelFunc
}

func follow(t *testing.T, server *fakeServer, change func(*follower)) *following {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	c := server.client(t)
	object, err := c.get(ctx, pipelineRuns, "build-1")
	if err != nil {
		t.Fatal(err)
	}
	first, err := decodeRun(object)
	if err != nil {
		t.Fatal(err)
	}
	f := &follower{client: c, run: "build-1", tail: -1, pause: quickly}
	if change != nil {
		change(f)
	}
	w := &following{done: make(chan error, 1), cancel: cancel}
	go func() {
		_, err := show(ctx, f, first, &plainView{out: &w.out, errOut: &w.notices})
		w.done <- err
	}()
	return w
}

func quickly(ctx context.Context, _ int) error {
	time.Sleep(time.Millisecond)
	return context.Cause(ctx)
}

func (w *following) end(t *testing.T, want string) {
	t.Helper()
	if err := <-w.done; err != nil {
		t.Fatalf("follow: %v\n%s", err, &w.out)
	}
	if got := w.out.String(); got != want {
		t.Errorf("told\n%s\nwant\n%s", got, want)
	}
}

func TestFollowTellsStepsAndLogsInOrder(t *testing.T) {
	s := newFake(t)
	s.post(phase(v1.RunPending))
	w := follow(t, s, nil)
	s.post(phase(v1.RunRunning, step("a", v1.RunRunning, 1), step("b", v1.RunPending, 0)))
	w.out.until(t, "step a: running\n")
	s.write("a", 1, "one\ntw")
	w.out.until(t, "[a] one\n")
	s.write("a", 1, "o\nno line feed")
	s.post(phase(v1.RunRunning, step("a", v1.RunSuccess, 1), step("b", v1.RunRunning, 1)))
	w.out.until(t, "step b: running")
	s.write("b", 1, "bee\n")
	s.post(phase(v1.RunSuccess, step("a", v1.RunSuccess, 1), step("b", v1.RunSuccess, 1)))
	if err := <-w.done; err != nil {
		t.Fatal(err)
	}
	// Steps a and b may overlap; each keeps its own order.
	for _, name := range []string{"a", "b"} {
		want := map[string]string{
			"a": "step a: running\n[a] one\n[a] two\n[a] no line feed\nstep a: success\n",
			"b": "step b: running\n[b] bee\nstep b: success\n",
		}[name]
		if got := of(w.out.String(), name); got != want {
			t.Errorf("step %s told\n%s\nwant\n%s", name, got, want)
		}
	}
	if !strings.HasSuffix(w.out.String(), "\nrun build-1: success\n") {
		t.Errorf("the last line is not the result:\n%s", &w.out)
	}
}

// of keeps the lines about one step.
func of(text, name string) (lines string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "["+name+"]") || strings.HasPrefix(line, "step "+name+":") {
			lines += line
		}
	}
	return lines
}

func TestFollowLosesAndDoublesNothingWhenConnectionsBreak(t *testing.T) {
	s := newFake(t)
	s.cutAfter = 7 // in the middle of lines, and of characters
	s.post(phase(v1.RunRunning, step("a", v1.RunRunning, 1)))
	w := follow(t, s, nil)
	want := "step a: running\n"
	for i := range 40 {
		s.write("a", 1, fmt.Sprintf("zeile %d äöü\n", i))
		want += fmt.Sprintf("[a] zeile %d äöü\n", i)
		if i%10 == 5 {
			s.CloseClientConnections() // as when the server is killed
			s.change(func() { s.refuse = 3 })
		}
	}
	s.end("a", 1)
	s.post(phase(v1.RunSuccess, step("a", v1.RunSuccess, 1)))
	w.end(t, want+"step a: success\nrun build-1: success\n")
}

func TestFollowSaysThatTheConnectionIsLostAndBack(t *testing.T) {
	s := newFake(t)
	s.post(phase(v1.RunRunning, step("a", v1.RunRunning, 1)))
	w := follow(t, s, nil)
	w.out.until(t, "step a: running")
	s.change(func() { s.refuse = 5 })
	s.CloseClientConnections()
	w.notices.until(t, "connected again")
	s.post(phase(v1.RunSuccess, step("a", v1.RunSuccess, 1)))
	w.end(t, "step a: running\nstep a: success\nrun build-1: success\n")
	if n := strings.Count(w.notices.String(), "connection lost"); n != 1 {
		t.Errorf("the loss was told %d times:\n%s", n, &w.notices)
	}
}

func TestFollowTellsWhatHappenedWhileTheServerWasAway(t *testing.T) {
	s := newFake(t)
	s.post(phase(v1.RunRunning, step("a", v1.RunRunning, 1)))
	w := follow(t, s, nil)
	w.out.until(t, "step a: running")
	s.change(func() { s.refuse = 1000 })
	s.CloseClientConnections()
	w.notices.until(t, "connection lost")
	s.write("a", 1, "first try\n")
	s.write("a", 2, "second try\n")
	failed := step("a", v1.RunFailure, 2)
	failed.Message = "exit code 3"
	s.post(phase(v1.RunFailure, failed))
	s.change(func() { s.refuse = 0 })
	w.end(t, "step a: running\n[a] first try\nstep a: running (attempt 2)\n[a] second try\nstep a: failure (attempt 2): exit code 3\nrun build-1: failure: step a: exit code 3\n")
}

func TestFollowEndsWhenTheRunIsDeleted(t *testing.T) {
	s := newFake(t)
	s.post(phase(v1.RunRunning))
	w := follow(t, s, func(f *follower) { f.run = "gone" })
	err := <-w.done
	if err == nil || !permanent(err) || !strings.Contains(err.Error(), "not found") {
		t.Errorf("got %v, want not found", err)
	}
}

func TestFollowOfOneStepFromItsTail(t *testing.T) {
	s := newFake(t)
	s.write("a", 1, "1\n2\n3\n4\n")
	s.write("b", 1, "not wanted\n")
	s.post(phase(v1.RunRunning, step("a", v1.RunRunning, 1), step("b", v1.RunSuccess, 1)))
	w := follow(t, s, func(f *follower) { f.only, f.tail = "a", 2 })
	w.out.until(t, "[a] 4")
	s.write("a", 1, "5\n")
	w.out.until(t, "[a] 5")
	s.post(phase(v1.RunSuccess, step("a", v1.RunSuccess, 1), step("b", v1.RunSuccess, 1)))
	if err := <-w.done; err != nil {
		t.Fatal(err)
	}
	if got, want := of(w.out.String(), "a"), "step a: running\n[a] 3\n[a] 4\n[a] 5\nstep a: success\n"; got != want {
		t.Errorf("told\n%s\nwant\n%s", got, want)
	}
	if strings.Contains(w.out.String(), "not wanted") {
		t.Error("the log of another step was told")
	}
}

func TestALogThatIsAheadOfItsStepsStateStartsTheStep(t *testing.T) {
	var p plain
	var got []string
	tell := func(e event) { got = append(got, p.Event(e)...) }
	tell(event{Run: &runState{Name: "r", Status: phase(v1.RunRunning, step("a", v1.RunQueued, 1))}})
	tell(event{Log: &logPart{Step: "a", Attempt: 1, Data: []byte("early\n")}})
	tell(event{Run: &runState{Name: "r", Status: phase(v1.RunRunning, step("a", v1.RunRunning, 1))}})
	if want := "step a: running\n[a] early"; strings.Join(got, "\n") != want {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestLastLines(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want string
	}{
		{"a\nb\nc\n", 2, "b\nc\n"}, {"a\nb\nc", 2, "b\nc"}, {"a\n", 5, "a\n"}, {"", 3, ""}, {"a\nb\n", 0, ""}, {"a\n\nb\n", 2, "\nb\n"},
	} {
		if got := string(lastLines([]byte(c.text), c.n)); got != c.want {
			t.Errorf("the last %d lines of %q: %q, want %q", c.n, c.text, got, c.want)
		}
	}
}

func TestPermanentKnowsOurOwnNotFound(t *testing.T) {
	if !permanent(fmt.Errorf("run: %w", api.ErrNotFound)) || permanent(errors.New("connection reset")) {
		t.Error("not found is final, a broken connection is not")
	}
}
