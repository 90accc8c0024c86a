package postgres_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/powernode/powernode/store/postgres"
)

// As the child of TestAPrivateServerIsTakenOver this process starts a server, writes
// through it, says so, and waits to be killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("PRIVATE_SERVER_OF_A_PROCESS_TO_KILL"); dir != "" {
		beKilled(dir)
		return
	}
	os.Exit(m.Run())
}

func beKilled(dir string) {
	ctx := context.Background()
	server, err := postgres.StartPrivate(ctx, dir, nil)
	if err == nil {
		var s *postgres.Store
		if s, err = postgres.Open(ctx, postgres.Config{DSN: server.DSN()}); err == nil {
			_, err = s.Create(ctx, object("a"))
		}
	}
	if err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		return
	}
	os.Stdout.WriteString("written\n")
	time.Sleep(time.Hour)
}

// After a kill -9 of the process, the server is still there; the next process takes it over with
// all that was written, and can stop it and start it again.
func TestAPrivateServerIsTakenOver(t *testing.T) {
	if testing.Short() {
		t.Skip("needs PostgreSQL")
	}
	dir := t.TempDir()
	pid := killed(t, dir)
	for n := range 2 {
		server, err := postgres.StartPrivate(t.Context(), dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(server.Home()) }) // may lie elsewhere
		if n == 0 && server.PID() != pid {
			t.Fatalf("process %d serves, not %d", server.PID(), pid)
		}
		if _, err := postgres.StartPrivate(t.Context(), dir, nil); err == nil || !strings.Contains(err.Error(), "another process") {
			t.Fatalf("started twice: %v", err)
		}
		s := open(t, server.DSN())
		must(t)(s.Get(t.Context(), object("a").Key()))
		s.Close()
		if err := server.Stop(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the server is gone", func() bool { return syscall.Kill(pid, 0) != nil || zombie(pid) })
	}
}

// Keep starts whatever ends again, a server that was taken over too, until its context ends.
func TestAPrivateServerIsKept(t *testing.T) {
	if testing.Short() {
		t.Skip("needs PostgreSQL")
	}
	dir := t.TempDir()
	pid := killed(t, dir)
	server, err := postgres.StartPrivate(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	kept := make(chan error)
	go func() { kept <- server.Keep(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-kept, server.Stop()); err != nil {
			t.Error(err)
		}
		os.RemoveAll(server.Home()) // may lie elsewhere
	})
	s := open(t, server.DSN())
	for range 2 {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "another process serves", func() bool { return server.PID() != pid && s.Ready(ctx) == nil })
		pid = server.PID()
	}
	must(t)(s.Get(ctx, object("a").Key()))
}

// killed is the server that a killed process has left behind.
func killed(t *testing.T, dir string) int {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PRIVATE_SERVER_OF_A_PROCESS_TO_KILL="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 2000)
	n, err := out.Read(said)
	if err != nil || string(said[:n]) != "written\n" {
		t.Fatalf("the child says %q, %v", said[:n], err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	return pidIn(t, dir)
}

// pidIn is the process that serves a directory, wherever its data lie.
func pidIn(t *testing.T, dir string) int {
	t.Helper()
	pid, err := postgres.PIDOf(dir)
	if err != nil || pid == 0 {
		t.Fatalf("no server on %s: %v", dir, err)
	}
	return pid
}

func zombie(pid int) bool {
	stat, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return strings.Contains(string(stat), ") Z ")
}
