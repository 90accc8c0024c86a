package main

import (
	"flag"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	utilcomp "k8s.io/kubectl/pkg/util/completion"
	"k8s.io/kubectl/pkg/util/templates"
)

const rootLong = `pnctl controls Powernode: containers, pipelines and the hosts they run on.

It is kubectl's own commands for every kind (get, describe, apply, ...) and a few of ours.
The server is the one that the kubeconfig names: --kubeconfig, PNCTL_CONFIG, KUBECONFIG,
~/.config/powernode/config, or that of a server which runs on this machine.`

// newRoot composes the command line. Commands end the process through
// cmdutil.CheckErr, or return their error; both reach session.fatal.
func newRoot(s *session) *cobra.Command {
	root := &cobra.Command{
		Use: "pnctl", SuggestionsMinimumDistance: 2, Short: "pnctl controls Powernode", Long: rootLong,
		SilenceUsage: true, SilenceErrors: true,
		Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	s.flags.AddFlags(root.PersistentFlags())
	verbosity := root.PersistentFlags().IntP("v", "v", 0, "Show what is sent and received: 6 names the requests, 8 shows them")
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return quiet(*verbosity) }

	f := s.factory()
	groups := append(ourVerbs(f, s), embeddedVerbs(f, s)...)
	groups.Add(root)
	templates.ActsAsRootCommand(root, []string{"options"}, groups...)
	others := otherVerbs(f, s)
	root.AddCommand(others...)
	for _, c := range root.Commands() {
		inPnctlsWords(c)
	}
	utilcomp.SetFactoryForCompletion(f)
	cmdutil.CheckErr(completeGlobalFlags(root, f))
	return root
}

// quiet keeps the libraries' own log lines (retries, caches) from the user unless
// they were asked for: the errors that matter are returned.
func quiet(verbosity int) error {
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	settings := map[string]string{"v": fmt.Sprint(verbosity)}
	if verbosity == 0 {
		settings = map[string]string{"logtostderr": "false", "stderrthreshold": "FATAL"}
		klog.SetOutput(discard{})
	}
	for name, value := range settings {
		if err := flags.Set(name, value); err != nil {
			return fmt.Errorf("-v: %w", err)
		}
	}
	return nil
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// unknownCommand refuses a verb that is not there, with the reason when it is one of
// kubectl's that we left out on purpose.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if reason := leftOut()[args[0]]; reason != "" {
		return fmt.Errorf("pnctl has no command %q: %s", args[0], reason)
	}
	message := fmt.Sprintf("unknown command %q for pnctl", args[0])
	for i, name := range cmd.SuggestionsFor(args[0]) {
		if i == 0 {
			message += "\n\nDid you mean this?"
		}
		message += "\n\t" + name
	}
	return fmt.Errorf("%s", message)
}

func completeGlobalFlags(root *cobra.Command, f cmdutil.Factory) error {
	values := map[string]func(string) []string{
		"namespace": func(prefix string) []string { return utilcomp.CompGetResource(f, "namespace", prefix) },
		"context":   utilcomp.ListContextsInConfig,
		"cluster":   utilcomp.ListClustersInConfig,
		"user":      utilcomp.ListUsersInConfig,
	}
	for name, list := range values {
		err := root.RegisterFlagCompletionFunc(name, func(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
			return list(prefix), cobra.ShellCompDirectiveNoFileComp
		})
		if err != nil {
			return err
		}
	}
	return nil
}
