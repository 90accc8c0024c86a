package main

import (
	"slices"
	"strings"
	"testing"
)

func TestSearchConfig(t *testing.T) {
	const own, server, checkout = "/home/u/.config/powernode/config", "/home/u/.local/state/powernode/admin.kubeconfig", "/src/.powernode/admin.kubeconfig"
	for _, c := range []struct {
		name   string
		env    map[string]string
		there  []string
		want   string // empty: none
		looked int
	}{
		{name: "nothing", looked: 3},
		{name: "checkout", there: []string{checkout}, want: checkout, looked: 3},
		{name: "server before checkout", there: []string{checkout, server}, want: server, looked: 2},
		{name: "own before server", there: []string{own, server, checkout}, want: own, looked: 1},
		{name: "KUBECONFIG before own", env: map[string]string{"KUBECONFIG": "/k"}, there: []string{"/k", own}, want: "/k", looked: 1},
		{name: "PNCTL_CONFIG before KUBECONFIG", env: map[string]string{"KUBECONFIG": "/k", "PNCTL_CONFIG": "/p"}, there: []string{"/k", "/p"}, want: "/p", looked: 1},
		{name: "a named file counts though it is missing", env: map[string]string{"PNCTL_CONFIG": "/p"}, there: []string{own}, want: "/p", looked: 1},
		{name: "a list stays one", env: map[string]string{"KUBECONFIG": "/a:/b"}, want: "/a:/b", looked: 1},
		{name: "XDG_CONFIG_HOME", env: map[string]string{"XDG_CONFIG_HOME": "/c"}, there: []string{own, "/c/powernode/config"}, want: "/c/powernode/config", looked: 1},
		{name: "XDG_STATE_HOME", env: map[string]string{"XDG_STATE_HOME": "/s"}, there: []string{server, "/s/powernode/admin.kubeconfig"}, want: "/s/powernode/admin.kubeconfig", looked: 2},
		{name: "a relative XDG directory is none", env: map[string]string{"XDG_CONFIG_HOME": "c"}, there: []string{own}, want: own, looked: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := searchConfig(func(name string) string { return c.env[name] }, "/home/u", "/src",
				func(path string) bool { return slices.Contains(c.there, path) })
			found := ""
			if got.Found != nil {
				found = got.Found.List()
			}
			if found != c.want || len(got.Looked) != c.looked {
				t.Errorf("found %q after %d places, want %q after %d", found, len(got.Looked), c.want, c.looked)
			}
		})
	}
}

func TestWithoutAConfigOneIsWrittenToTheUsersOwn(t *testing.T) {
	got := searchConfig(func(string) string { return "" }, "/home/u", "/src", func(string) bool { return false })
	if want := "/home/u/.config/powernode/config"; got.Chosen().List() != want {
		t.Errorf("a new configuration goes to %q, want %q", got.Chosen().List(), want)
	}
	text := noConfig(got).Error()
	for _, want := range []string{"pnserver serve", "make run", "/home/u/.config/powernode/config", "/src/.powernode/admin.kubeconfig"} {
		if !strings.Contains(text, want) {
			t.Errorf("the error does not say %q:\n%s", want, text)
		}
	}
}
