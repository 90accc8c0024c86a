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
