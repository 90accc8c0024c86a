// Package build tells what a command was built from, as far as the Go toolchain knows.
package build

import "runtime/debug"

// Version is that of the main module: a tag, or the time and commit of a checkout; "devel" when neither is known.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

// Commit is the commit of the checkout; "" when it is not known.
func Commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}
