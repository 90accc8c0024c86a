package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	utilcomp "k8s.io/kubectl/pkg/util/completion"
)

// A completer is what cobra asks for the words that may stand at the cursor.
type completer = func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective)

// completeOne completes one argument: the name of an object of the resource.
func completeOne(f cmdutil.Factory, resource string) completer {
	return func(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return utilcomp.CompGetResource(f, resource, prefix), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeKinds completes KIND/NAME of these resources.
func completeKinds(f cmdutil.Factory, resources ...string) completer {
	kinds := utilcomp.SpecifiedResourceTypeAndNameNoRepeatCompletionFunc(f, resources)
	return func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		if strings.Contains(prefix, "/") {
			return kinds(cmd, nil, prefix)
		}
		return kindPrefixes(resources, prefix), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

// completeMany completes the names of the first resource, and KIND/NAME of all.
func completeMany(f cmdutil.Factory, resources ...string) completer {
	kinds := completeKinds(f, resources...)
	return func(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if strings.Contains(prefix, "/") {
			return kinds(cmd, nil, prefix)
		}
		return append(utilcomp.CompGetResource(f, resources[0], prefix), kindPrefixes(resources, prefix)...),
			cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

func kindPrefixes(resources []string, prefix string) (kinds []string) {
	for _, resource := range resources {
		if strings.HasPrefix(resource+"/", prefix) {
			kinds = append(kinds, resource+"/")
		}
	}
	return kinds
}

// completeInputs completes -p: the names of the pipeline's inputs, and the values
// of one that is a choice or a boolean.
func completeInputs(f cmdutil.Factory) completer {
	return func(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		const none = cobra.ShellCompDirectiveNoFileComp
		if len(args) == 0 {
			return nil, none
		}
		c, err := newClient(f)
		if err != nil {
			return nil, none
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		pipeline, err := c.get(ctx, pipelines, args[0])
		if err != nil {
			return nil, none
		}
		var found []string
		for name, input := range declaredInputs(pipeline) {
			options := input.Options
			if input.Type == "boolean" {
				options = []string{"true", "false"}
			}
			if !strings.HasPrefix(prefix, name+"=") {
				found = append(found, name+"=\t"+input.Description)
				continue
			}
			for _, option := range options {
				found = append(found, name+"="+option)
			}
		}
		return matching(found, prefix), none | cobra.ShellCompDirectiveNoSpace
	}
}

// completeSteps completes --step: the steps of the run that the first argument names.
func completeSteps(f cmdutil.Factory) completer {
	return func(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		var names []string
		if run := runForCompletion(f, args); run != nil {
			for _, s := range run.Steps() {
				names = append(names, s.Name)
			}
		}
		return matching(names, prefix), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeArtifacts completes a run, then one of its artifacts.
func completeArtifacts(f cmdutil.Factory) completer {
	return func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return completeOne(f, pipelineRuns)(cmd, args, prefix)
		}
		var names []string
		if run := runForCompletion(f, args); run != nil && len(args) == 1 {
			for _, a := range run.Status.Artifacts {
				names = append(names, a.Name)
			}
		}
		return matching(names, prefix), cobra.ShellCompDirectiveNoFileComp
	}
}

// runForCompletion is the run that the first argument names; nil when there is none or no server answers.
func runForCompletion(f cmdutil.Factory, args []string) *runState {
	if len(args) == 0 {
		return nil
	}
	c, err := newClient(f)
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, name, found := strings.Cut(args[0], "/")
	if !found {
		name = args[0]
	}
	object, err := c.get(ctx, pipelineRuns, name)
	if err != nil {
		return nil
	}
	run, err := decodeRun(object)
	if err != nil {
		return nil
	}
	return run
}

func matching(words []string, prefix string) (found []string) {
	for _, word := range words {
		if strings.HasPrefix(word, prefix) {
			found = append(found, word)
		}
	}
	return found
}
