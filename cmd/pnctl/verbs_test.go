package main

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	kubectl "k8s.io/kubectl/pkg/cmd"
)

func testRoot() *cobra.Command {
	return newRoot(newSession(search{}, genericiooptions.IOStreams{In: strings.NewReader(""), Out: io.Discard, ErrOut: io.Discard}))
}

func TestEveryVerbOfKubectlIsThereOrLeftOutForAReason(t *testing.T) {
	own := map[string]bool{}
	for _, c := range testRoot().Commands() {
		own[c.Name()] = true
	}
	theirs := map[string]bool{}
	for _, c := range kubectl.NewKubectlCommand(kubectl.KubectlOptions{}).Commands() {
		theirs[c.Name()] = true
		if own[c.Name()] == (leftOut()[c.Name()] != "") {
			t.Errorf("%s: it must be a verb of pnctl or be left out with a reason, and not both", c.Name())
		}
	}
	for name := range leftOut() {
		if !theirs[name] {
			t.Errorf("%s: kubectl has no such verb, there is nothing to leave out", name)
		}
	}
}

func TestHelpSpeaksOfPnctl(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		for _, text := range []string{c.Use, c.Short, c.Long, c.Example, c.LocalFlags().FlagUsages()} {
			for line := range strings.Lines(text) {
				if strings.Contains(" "+line, " kubectl ") || strings.Contains(line, `"kubectl `) || strings.Contains(line, "`kubectl ") {
					t.Errorf("%s: %s", c.CommandPath(), line)
				}
			}
		}
		if c.Short == "" {
			t.Errorf("%s has no short help", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	root := testRoot()
	if !strings.Contains(root.Long, "kubectl's own commands") {
		t.Error("the root no longer says whose commands these are")
	}
	for _, c := range root.Commands() {
		visit(c)
	}
}

func TestExamplesAreOfVerbsThatExist(t *testing.T) {
	root := testRoot()
	for name, text := range examples() {
		if c, _, err := root.Find([]string{name}); err != nil || c == root {
			t.Errorf("examples of %s: there is no such verb", name)
		}
		for line := range strings.Lines(text) {
			_, command, found := strings.Cut(line, "pnctl ")
			if verb, _, _ := strings.Cut(strings.TrimSpace(command), " "); found && verb != name {
				t.Errorf("examples of %s show %q", name, verb)
			}
		}
	}
}

func TestRename(t *testing.T) {
	for text, want := range map[string]string{
		"kubectl get pods":                     "pnctl get pods",
		"Use \"kubectl apply\", then kubectl.": "Use \"pnctl apply\", then pnctl.",
		"kubectl.kubernetes.io/last-applied":   "kubectl.kubernetes.io/last-applied",
		"manager kubectl-client-side-apply":    "manager kubectl-client-side-apply",
		"https://kubernetes.io/docs/kubectl/":  "https://kubernetes.io/docs/kubectl/",
		"no word of it":                        "no word of it",
	} {
		if got := rename(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
