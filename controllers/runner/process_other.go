//go:build !linux

package runner

import "syscall"

// processGroup puts the step into a group of its own.
func processGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// killStragglers has nothing to find a step's daemons by on this system; the
// step's process group is all that is killed.
func killStragglers(taskDir) {}

// adoptOrphans has no counterpart on this system.
func adoptOrphans() error { return nil }

func killDescendants() {}
