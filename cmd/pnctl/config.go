package main

import (
	"path/filepath"
	"strings"
)

// A place is where a kubeconfig may be, and how we came to look there.
type place struct {
	Paths  []string // more than one only for a list in an environment variable
	Origin string   // PNCTL_CONFIG, KUBECONFIG, "your configuration", ...
	// Named: somebody named it, so it is the one even when the file is missing.
	Named bool
}

// List is the place in the form of the variable KUBECONFIG.
func (p place) List() string { return strings.Join(p.Paths, string(filepath.ListSeparator)) }

func (p place) String() string { return p.List() + " (" + p.Origin + ")" }

// search is the outcome of looking for a kubeconfig.
type search struct {
	Found  *place  // nil: none of Looked is there
	Looked []place // in order
	Own    place   // the user's own, be it there or not
}

// Chosen is the place that was found, or where a new configuration would go.
func (s search) Chosen() place {
	if s.Found != nil {
		return *s.Found
	}
	return s.Own
}

// searchConfig finds the kubeconfig when --kubeconfig does not name one: what
// PNCTL_CONFIG and KUBECONFIG name, the user's own, that of a server that runs
// here with its default data directory, and that of `make run` in this directory.
func searchConfig(env func(string) string, home, dir string, exists func(string) bool) search {
	own := place{Paths: []string{filepath.Join(xdg(env, "XDG_CONFIG_HOME", home, ".config"), "powernode", "config")}, Origin: "your configuration"}
	looked := append(namedPlaces(env), own,
		place{Paths: []string{filepath.Join(xdg(env, "XDG_STATE_HOME", home, ".local/state"), "powernode", adminConfig)}, Origin: "written by a server on this machine"},
		place{Paths: []string{filepath.Join(dir, ".powernode", adminConfig)}, Origin: "written by `make run` in this directory"},
	)
	for i, p := range looked {
		if p.Named || exists(p.Paths[0]) {
			return search{Found: &looked[i], Looked: looked[:i+1], Own: own}
		}
	}
	return search{Looked: looked, Own: own}
}

const adminConfig = "admin.kubeconfig"

// ofServer reports whether a file is the one that a server writes, and writes anew at each start,
// under whatever name it was found.
func ofServer(path string) bool {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	return filepath.Base(path) == adminConfig
}

func namedPlaces(env func(string) string) []place {
	var named []place
	for _, variable := range []string{"PNCTL_CONFIG", "KUBECONFIG"} {
		if value := env(variable); value != "" {
			named = append(named, place{Paths: filepath.SplitList(value), Origin: "from " + variable, Named: true})
		}
	}
	return named
}

// cacheDir keeps what discovery learned; apart from kubectl's, as its servers are others.
func cacheDir(env func(string) string, home string) string {
	return filepath.Join(xdg(env, "XDG_CACHE_HOME", home, ".cache"), "powernode")
}

// xdg is a base directory; by its specification a relative value counts as none.
func xdg(env func(string) string, variable, home, fallback string) string {
	if value := env(variable); filepath.IsAbs(value) {
		return value
	}
	return filepath.Join(home, fallback)
}
