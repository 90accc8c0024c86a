package runner

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const (
	setChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER of prctl(2)
	// reapPause is far longer than the shim leaves a child of its own uncollected.
	reapPause = 10 * time.Second
)

// adoptOrphans makes this process the parent of all of a step's processes whose
// own parent ends, whatever session and environment they took: so none gets away.
// Those that end by themselves are collected now and then.
func adoptOrphans() error {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0); errno != 0 {
		return os.NewSyscallError("prctl", errno)
	}
	go func() {
		before := map[int]bool{}
		for range time.Tick(reapPause) {
			before = reap(before)
		}
	}()
	return nil
}

// reap collects the dead children that were dead at the look before, too: the
// shim's own are collected by who waits for them, at once.
func reap(before map[int]bool) (dead map[int]bool) {
	dead = map[int]bool{}
	for _, p := range processes() {
		if p.parent != os.Getpid() || !p.dead {
			continue
		}
		if before[p.pid] {
			_, _ = syscall.Wait4(p.pid, nil, syscall.WNOHANG, nil)
		}
		dead[p.pid] = true
	}
	return dead
}

// killDescendants kills every process below this one, and those that they start meanwhile.
func killDescendants() {
	for range 100 {
		if !signalDescendants() {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// signalDescendants is one round; it reports whether there was anybody.
func signalDescendants() (some bool) {
	all := processes()
	below := map[int]bool{os.Getpid(): true}
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if below[p.parent] && !below[p.pid] {
				below[p.pid], grown = true, true
				if !p.dead {
					some = syscall.Kill(p.pid, syscall.SIGKILL) == nil || some
				}
			}
		}
	}
	return some
}

type process struct {
	pid, parent int
	dead        bool // and not yet collected
}

func processes() (all []process) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// "pid (name) state parent ...", and a name may hold anything.
		fields := bytes.Fields(raw[bytes.LastIndexByte(raw, ')')+1:])
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil || len(fields) < 2 {
			continue
		}
		parent, err := strconv.Atoi(string(fields[1]))
		if err == nil {
			all = append(all, process{pid, parent, fields[0][0] == 'Z' || fields[0][0] == 'X'})
		}
	}
	return all
}
