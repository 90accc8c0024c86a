package examples

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// childAt names the child of this process that has the other end of a connection from a loopback address.
func childAt(remote string) string {
	_, text, err := net.SplitHostPort(remote)
	if err != nil {
		return err.Error()
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return err.Error()
	}
	inode := inodeOf(port)
	for _, pid := range children() {
		links, _ := filepath.Glob("/proc/" + pid + "/fd/*")
		for _, link := range links {
			if to, _ := os.Readlink(link); inode != "" && to == "socket:["+inode+"]" {
				return "process " + pid
			}
		}
	}
	return "somebody at " + remote
}

// children are the processes that this one has started.
func children() (pids []string) {
	files, _ := filepath.Glob("/proc/self/task/*/children")
	for _, file := range files {
		data, _ := os.ReadFile(file)
		pids = append(pids, strings.Fields(string(data))...)
	}
	return pids
}

// inodeOf is the socket that is bound to a local port and connected.
func inodeOf(port int) string {
	data, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return ""
	}
	local := fmt.Sprintf("0100007F:%04X", port)
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 9 && f[1] == local && f[9] != "0" {
			return f[9]
		}
	}
	return ""
}
