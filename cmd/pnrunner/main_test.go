package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	protocol "github.com/powernode/powernode/api/runner"
	"github.com/powernode/powernode/api/server"
	"github.com/powernode/powernode/schemas"
	"github.com/powernode/powernode/store/memory"
)

const token = "runner-token-of-this-test"

// TestMain lets the test binary be pnrunner itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "run-as-pnrunner" || !strings.HasPrefix(os.Args[1], "-test.")) {
		if os.Args[1] == "run-as-pnrunner" {
			os.Args = append(os.Args[:1], os.Args[2:]...)
		}
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func pnrunner(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0], append([]string{"run-as-pnrunner"}, args...)...)
	c.Env = append(os.Environ(), env...)
	return c
}

func TestFlagsAreChecked(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"a token is needed": {}, "no such file": {"--token-file", "/none"}, "is empty": {"--token-file", empty},
		"--server":     {"--server", "localhost:3000"},
		"--parallel":   {"--parallel", "0"},
		"--log-format": {"--log-format", "xml"},
		"--log-level":  {"--log-level", "loud"},
		"--ca-file":    {"--token-file", os.Args[0], "--ca-file", "/none"},
		"--name":       {"--name", ""},
		"unknown flag": {"--nope"},
	} {
		out, err := pnrunner(t, []string{"POWERNODE_TOKEN="}, args...).CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte(want)) {
			t.Errorf("%v: %v %s", args, err, out)
		}
	}
}

// TestPnrunner runs a step, gets SIGTERM in the middle of another, and ends
// when that has ended.
func TestPnrunner(t *testing.T) {
	kinds, err := schemas.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	tasks, logs := &memory.Tasks{}, &memory.Logs{}
	objects := &memory.Store{}
	if err := server.SeedRoles(t.Context(), objects); err != nil { // they let runners in
		t.Fatal(err)
	}
	s, err := server.New(server.Config{Store: objects, Tasks: tasks, Logs: logs, Blobs: &memory.Blobs{}, Kinds: kinds,
		Authenticate: server.Tokens(map[string]server.User{token: {Name: "runner", Groups: []string{server.Runners}}})})
	if err != nil {
		t.Fatal(err)
	}
	go s.Run(t.Context())
	web := httptest.NewServer(s)
	defer web.Close()
	defer s.Drain()
	dir := t.TempDir()
	tokenFile := filepath.Join(dir, "token")
	if err := os.WriteFile(tokenFile, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := pnrunner(t, nil, "--server", web.URL, "--token-file", tokenFile, "--name", "r", "--labels", "special,default", "--dir", filepath.Join(dir, "state"), "--docker", "off", "--log-format", "json")
	var said bytes.Buffer
	p.Stderr = &said
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	defer p.Process.Kill()
	offer := func(name, script string) {
		t.Helper()
		with, _ := json.Marshal(map[string]string{"run": script})
		step, _ := json.Marshal(protocol.Step{Run: "run", RunUID: "uid", Name: name, Type: "custom", Attempt: 1, With: with, TimeoutSeconds: 60})
		if err := tasks.Offer(t.Context(), protocol.Task{ID: protocol.TaskID("uid", name, 1), OwnerUID: "uid", Labels: []string{"special"}, Payload: step}); err != nil {
			t.Fatal(err)
		}
	}
	ready := filepath.Join(dir, "ready")
	offer("one", "echo hello")
	offer("two", "touch "+ready+"; sleep 0.5; echo done")
	until(t, func() bool { _, err := os.Stat(ready); return err == nil }, &said)
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("pnrunner: %v\n%s", err, said.String())
	}
	states, err := tasks.Of(context.Background(), "uid")
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range states {
		if state.Phase != protocol.TaskFinished || state.Runner != "r" || !bytes.Contains(state.Result, []byte(`"success"`)) {
			t.Errorf("%s: %s by %s: %s", state.ID, state.Phase, state.Runner, state.Result)
		}
	}
	if data, _, err := logs.Read(context.Background(), protocol.LogStream("uid", "two", 1), 0, 100, 0); err != nil || string(data) != "done\n" {
		t.Errorf("log: %q %v", data, err)
	}
	if strings.Contains(said.String(), token) {
		t.Error("the token is in the log")
	}
}

func until(t *testing.T, ok func() bool, said fmt.Stringer) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited a minute\n%s", said)
		}
	}
}
