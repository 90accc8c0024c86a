package postgres

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopTime bounds a fast shutdown, its checkpoint included.
const stopTime = time.Minute

func (p *Private) logFile() string { return filepath.Join(p.home, "postgres.log") }

// launch starts the server as a child.
func (p *Private) launch() error {
	log, err := os.OpenFile(p.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the server's log: %w", err)
	}
	defer log.Close()
	cmd := p.account.command(p.programs.program("postgres"), "-D", p.data,
		"-c", "listen_addresses=", "-c", "unix_socket_directories="+p.socket, "-c", "unix_socket_permissions=0700",
		"-c", "port=5432", "-c", "jit=off", "-c", "cluster_name=powernode", "-c", "logging_collector=off",
		"-c", "log_parameter_max_length=0", "-c", "log_parameter_max_length_on_error=0")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	p.child, p.ended = cmd, make(chan struct{})
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // how it ended is in its log
	}()
	return nil
}

// alive reports whether the child still runs.
func (p *Private) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// PID is the server's process.
func (p *Private) PID() int { return p.pid() }

// Home is the directory that holds all there is of the server, but a short path to its socket.
func (p *Private) Home() string { return p.home }

// pid is the process that says it runs on the data; 0 when there is none.
func (p *Private) pid() int {
	raw, err := os.ReadFile(filepath.Join(p.data, "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 {
		return 0
	}
	return pid
}

// running reports whether a postmaster runs on the data. Its number may have gone to
// another program since a crash, so the program counts where the system tells it.
func (p *Private) running() bool {
	pid := p.pid()
	if pid == 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return !errors.Is(err, os.ErrNotExist) || !hasProc()
	}
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	zombie := strings.Contains(string(stat), ") Z ")
	name := strings.TrimSpace(string(comm))
	return !zombie && (name == "postgres" || name == "postmaster")
}

func hasProc() bool {
	_, err := os.Stat("/proc/self/comm")
	return err == nil
}

// Stop shuts the server down, ending the connections that are left, and lets go of the directory.
func (p *Private) Stop() error {
	defer p.unlock()
	pid := p.pid()
	if pid == 0 || !p.running() {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop the private PostgreSQL: %w", err)
	}
	for end := time.Now().Add(stopTime); p.running(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("the private PostgreSQL (process %d) did not stop within %v", pid, stopTime)
		}
	}
	if p.ended != nil {
		<-p.ended
	}
	return nil
}

// abandon ends what a start that failed left behind.
func (p *Private) abandon() {
	p.quit()
	p.unlock()
}

// quit ends the child at once; its data are recovered at the next start.
func (p *Private) quit() {
	if p.child != nil && p.alive() {
		_ = p.child.Process.Signal(syscall.SIGQUIT)
		<-p.ended
	}
}

func (p *Private) unlock() {
	if p.lock != nil {
		_ = p.lock.Close()
		p.lock = nil
	}
}

// tail is the end of the server's log.
func (p *Private) tail() string {
	raw, err := os.ReadFile(p.logFile())
	if err != nil {
		return ""
	}
	return string(raw[max(0, len(raw)-2000):])
}
