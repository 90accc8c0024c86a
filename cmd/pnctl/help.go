package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// inPnctlsWords makes the help of kubectl's commands speak of pnctl, and shows our
// kinds in the examples of the verbs that everybody uses.
func inPnctlsWords(cmd *cobra.Command) {
	cmd.Use, cmd.Short, cmd.Long = rename(cmd.Use), rename(cmd.Short), rename(cmd.Long)
	cmd.Example = rename(cmd.Example)
	if cmd.HasParent() && !cmd.Parent().HasParent() {
		if example, ok := examples()[cmd.Name()]; ok {
			cmd.Example = indent(example)
		}
		if cmd.Name() == "completion" {
			cmd.Long = completionLong
		}
	}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { f.Usage = rename(f.Usage) })
	for _, sub := range cmd.Commands() {
		inPnctlsWords(sub)
	}
}

// rename puts pnctl in the place of kubectl the program; names that hold the word
// (annotations, field managers, addresses) stay what they are.
func rename(text string) string {
	const old = "kubectl"
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, old)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		partOfName := strings.HasSuffix(before, "/") || strings.HasSuffix(before, ".") ||
			strings.HasPrefix(after, "-") || strings.HasPrefix(after, "/") ||
			strings.HasPrefix(after, ".") && len(after) > 1 && after[1] >= 'a' && after[1] <= 'z'
		if partOfName {
			out.WriteString(old)
		} else {
			out.WriteString("pnctl")
		}
		text = after
	}
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}

const completionLong = `Print the completion code of pnctl for a shell: bash, zsh, fish or powershell.

It completes commands, flags, kinds, and the names of what is on the server.`

func examples() map[string]string {
	return map[string]string{
		"get": `
# What runs in this namespace, and how it is doing
pnctl get all
pnctl get pipelines,pipelineruns -o wide
# One object, whole
pnctl get pl/build -o yaml
# Follow the changes of a kind, everywhere
pnctl get ci -A -w
# As it was wanted: in its second generation, ten minutes ago
pnctl get pl/build --at 2 -o yaml
pnctl get pl build --at '10m ago'`,
		"describe": `
# What a container instance wants, how far it is, and its latest events
pnctl describe ci/web`,
		"explain": `
# The fields of a kind, and of a part of it
pnctl explain pipeline
pnctl explain pipeline.spec.steps`,
		"apply": `
# Make it so: create what is missing, change what differs
pnctl apply -f pipeline.yaml
pnctl apply -f deploy/
cat host.yaml | pnctl apply -f -`,
		"diff": `
# What would apply change?
pnctl diff -f deploy/
# What has changed since revision 2? Between two revisions?
pnctl diff --revision 2 pl/build
pnctl diff --revision 1..3 pl/build`,
		"wait": `
# Until a host is connected, a container has completed, an object is gone
pnctl wait --for=condition=Ready dockerhost/local
pnctl wait --for=jsonpath='{.status.phase}'=completed ci/hello --timeout=60s
pnctl wait --for=delete ci/web`,
		"delete": `
# The container goes first, then the object
pnctl delete ci/web
pnctl delete -f deploy/`,
		"edit": `
# In your editor
pnctl edit pl/build`,
		"label": `
pnctl label ci/web tier=front
pnctl label ci/web tier-`,
		"annotate": `
pnctl annotate pl/build owner='team a'`,
		"patch": `
# Stop a pipeline's triggers
pnctl patch pl/build --type=merge -p '{"spec":{"suspended":true}}'`,
		"completion": `
# For this shell
source <(pnctl completion bash)
# For all shells to come
pnctl completion bash > ~/.local/share/bash-completion/completions/pnctl
pnctl completion zsh > "${fpath[1]}/_pnctl"
pnctl completion fish > ~/.config/fish/completions/pnctl.fish
pnctl completion powershell >> $PROFILE`,
	}
}
