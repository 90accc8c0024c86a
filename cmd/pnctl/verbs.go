package main

import (
	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/kubectl/pkg/cmd/annotate"
	"k8s.io/kubectl/pkg/cmd/apiresources"
	"k8s.io/kubectl/pkg/cmd/apply"
	"k8s.io/kubectl/pkg/cmd/auth"
	"k8s.io/kubectl/pkg/cmd/completion"
	cmdconfig "k8s.io/kubectl/pkg/cmd/config"
	"k8s.io/kubectl/pkg/cmd/create"
	"k8s.io/kubectl/pkg/cmd/delete"
	"k8s.io/kubectl/pkg/cmd/describe"
	"k8s.io/kubectl/pkg/cmd/edit"
	"k8s.io/kubectl/pkg/cmd/events"
	"k8s.io/kubectl/pkg/cmd/explain"
	"k8s.io/kubectl/pkg/cmd/kustomize"
	"k8s.io/kubectl/pkg/cmd/label"
	"k8s.io/kubectl/pkg/cmd/options"
	"k8s.io/kubectl/pkg/cmd/patch"
	"k8s.io/kubectl/pkg/cmd/replace"
	"k8s.io/kubectl/pkg/cmd/scale"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	"k8s.io/kubectl/pkg/cmd/wait"
	"k8s.io/kubectl/pkg/util/templates"
)

// ourVerbs are those that kubectl does not have, or has for pods only.
func ourVerbs(f cmdutil.Factory, s *session) templates.CommandGroups {
	return templates.CommandGroups{{
		Message: "Run and Watch:",
		Commands: []*cobra.Command{
			newCmdRun(f, s), newCmdLogs(f, s), newCmdCancel(f, s), newCmdArtifacts(f, s), newCmdRollout(f, s), newCmdAudit(f, s),
		},
	}}
}

// embeddedVerbs are kubectl's own, in the groups of pnctl's help.
func embeddedVerbs(f cmdutil.Factory, s *session) templates.CommandGroups {
	const name = "pnctl"
	streams := s.IOStreams
	return templates.CommandGroups{
		{Message: "Look:", Commands: []*cobra.Command{
			newCmdGet(s), describe.NewCmdDescribe(name, f, streams), explain.NewCmdExplain(name, f, streams),
			events.NewCmdEvents(f, streams), wait.NewCmdWait(f, streams),
		}},
		{Message: "Declare:", Commands: []*cobra.Command{
			apply.NewCmdApply(name, f, streams), newCmdDiff(f, streams),
			only(create.NewCmdCreate(f, streams), "namespace", "secret", "configmap", "serviceaccount", "token",
				"role", "rolebinding", "clusterrole", "clusterrolebinding"),
			replace.NewCmdReplace(f, streams), kustomize.NewCmdKustomize(streams),
		}},
		{Message: "Change:", Commands: []*cobra.Command{
			edit.NewCmdEdit(f, streams), patch.NewCmdPatch(f, streams), label.NewCmdLabel(f, streams),
			annotate.NewCmdAnnotate(name, f, streams), scale.NewCmdScale(f, streams), delete.NewCmdDelete(f, streams),
		}},
		{Message: "Access:", Commands: []*cobra.Command{
			newCmdLogin(s), newCmdLogout(s), newCmdToken(f, s),
		}},
		{Message: "Settings:", Commands: []*cobra.Command{
			cmdconfig.NewCmdConfig(f, clientcmd.NewDefaultPathOptions(), streams),
			only(auth.NewCmdAuth(f, streams), "can-i", "whoami", "reconcile"),
			completion.NewCmdCompletion(streams.Out, "# completion for pnctl\n"),
		}},
	}
}

// otherVerbs stand below the groups in the help.
func otherVerbs(f cmdutil.Factory, s *session) []*cobra.Command {
	streams := s.IOStreams
	return []*cobra.Command{
		apiresources.NewCmdAPIResources(f, streams), apiresources.NewCmdAPIVersions(f, streams),
		newCmdVersion(f, streams.Out), newCmdCredential(s), options.NewCmdOptions(streams.Out),
	}
}

// only keeps the named subcommands: the others are of kinds that the server does not have.
func only(cmd *cobra.Command, names ...string) *cobra.Command {
	for _, sub := range cmd.Commands() {
		kept := false
		for _, name := range names {
			kept = kept || sub.Name() == name
		}
		if !kept {
			cmd.RemoveCommand(sub)
		}
	}
	return cmd
}

// leftOut are kubectl's verbs that pnctl does not have, with the reason. A test
// compares the list with kubectl's own.
func leftOut() map[string]string {
	const pods = "it works on pods only, which the server does not have"
	const nodes = "it works on nodes of a Kubernetes cluster only; hosts are `pnctl get dockerhosts`"
	const workloads = "it works on Kubernetes' own workloads only; change the object itself with `pnctl edit` or `pnctl apply`"
	return map[string]string{
		"attach": pods, "cp": pods, "debug": pods, "exec": pods, "port-forward": pods,
		"top": nodes, "drain": nodes, "cordon": nodes, "uncordon": nodes, "taint": nodes,
		"expose": workloads, "autoscale": workloads, "set": workloads,
		"certificate":  "the server signs no certificates",
		"cluster-info": "there are no cluster services to list; `pnctl version` and `pnctl config view` name the server",
		"proxy":        "the server's API takes the kubeconfig's token directly: curl -H \"Authorization: Bearer ...\"",
		"plugin":       "it runs no plugins",
		"kuberc":       "it has no preferences beside the kubeconfig",
		"alpha":        "there is nothing in it",
	}
}
