package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// usage is a process, as the kernel counts what it uses.
type usage struct{ pid int }

// self is this process.
func self() usage { return usage{os.Getpid()} }

// tick is the unit of times in /proc (USER_HZ).
const tick = 10 * time.Millisecond

// cpu is the processor time that the process has used.
func (p usage) cpu() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	_, rest, found := bytes.Cut(stat, []byte(") ")) // behind the command's name
	fields := strings.Fields(string(rest))
	if err != nil || !found || len(fields) < 13 {
		return 0 // not on Linux
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * tick
}

// rss is the memory that the process has now, and the most that it ever had, in bytes.
func (p usage) rss() (now, most int64) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return 0, 0 // not on Linux
	}
	return kilobytes(status, "VmRSS:"), kilobytes(status, "VmHWM:")
}

func kilobytes(status []byte, name string) int64 {
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == name {
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			return n << 10
		}
	}
	return 0
}

// usageSince notes what a server, if there is one, and this process have used so far.
func usageSince(p *server) spent {
	s := spent{client: self()}
	s.clientFrom = s.client.cpu()
	if p != nil {
		s.server = &p.usage
		s.serverFrom = s.server.cpu()
	}
	return s
}

// spent is processor time from a moment on.
type spent struct {
	server                 *usage
	client                 usage
	serverFrom, clientFrom time.Duration
}

// each is what was spent on one of n things.
func (s spent) each(n int) (server, client time.Duration) {
	if n == 0 {
		return 0, 0
	}
	if s.server != nil {
		server = (s.server.cpu() - s.serverFrom) / time.Duration(n)
	}
	return server, (s.client.cpu() - s.clientFrom) / time.Duration(n)
}
