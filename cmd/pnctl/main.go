package main

import (
	"os"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	home, _ := os.UserHomeDir()
	dir, _ := os.Getwd()
	config := searchConfig(os.Getenv, home, dir, fileExists)
	// kubectl's packages read KUBECONFIG in several places of their own (config,
	// completion); what we found is handed to all of them in the one way they share.
	os.Setenv("KUBECONFIG", config.Chosen().List())
	if os.Getenv("KUBECACHEDIR") == "" {
		os.Setenv("KUBECACHEDIR", cacheDir(os.Getenv, home))
	}
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	session := newSession(config, streams)
	cmdutil.BehaviorOnFatal(session.fatal)
	cmdutil.CheckErr(newRoot(session).Execute())
}

func fileExists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}
