package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	utilcomp "k8s.io/kubectl/pkg/util/completion"
)

// undoManager is whose fields an undo sets, for server-side apply.
const undoManager = "pnctl-rollout-undo"

const changeCause = "kubernetes.io/change-cause"

type undoOptions struct {
	session *session
	print   *genericclioptions.PrintFlags
	to      int64
	dryRun  cmdutil.DryRunStrategy
}

func newCmdUndo(f cmdutil.Factory, s *session) *cobra.Command {
	o := &undoOptions{session: s, print: genericclioptions.NewPrintFlags("")}
	cmd := &cobra.Command{
		Use:   "undo (KIND/NAME | KIND NAME) [--to-revision N]",
		Short: "Go back to an earlier revision of an object",
		Long: `Go back to an earlier revision of an object: the one before the current, or the one named.

It is an ordinary change: checked as any other, recorded as the next revision, and an undo of
it goes forward again. Labels and annotations stay as they are, save kubernetes.io/change-cause,
which tells of it. When somebody else changes the object at the same time, nothing is done.`,
		Example: `  pnctl rollout undo pl/build
  pnctl rollout undo pl build --to-revision 2
  pnctl rollout undo pl/build --dry-run=server -o yaml`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.dryRun, err = cmdutil.GetDryRunStrategy(cmd); err != nil {
				return err
			}
			subject, err := findSubject(f, cmd.CommandPath(), args)
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), subject)
		},
		ValidArgsFunction: utilcomp.ResourceTypeAndNameCompletionFunc(f),
	}
	cmd.Flags().Int64Var(&o.to, "to-revision", 0, "The revision to go back to; 0 is the one before the current.")
	cmdutil.AddDryRunFlag(cmd)
	o.print.AddFlags(cmd)
	return cmd
}

func (o *undoOptions) run(ctx context.Context, s *subject) error {
	live, err := s.get(ctx)
	if err != nil {
		return err
	}
	to, err := o.target(ctx, s)
	if err != nil {
		return err
	}
	wanted, err := s.revision(ctx, to)
	if err != nil {
		return err
	}
	if apiequality.Semantic.DeepEqual(content(live), content(wanted)) {
		return o.done(live, "%s skipped rollback (it already is as in revision %d)", s, to)
	}
	after := undone(live, wanted, to)
	if o.dryRun != cmdutil.DryRunClient {
		if after, err = o.send(ctx, s, live, after); err != nil {
			return err
		}
	}
	return o.done(after, "%s rolled back to revision %d%s", s, to, suffix(o.dryRun))
}

// target is the revision to go back to.
func (o *undoOptions) target(ctx context.Context, s *subject) (int64, error) {
	switch {
	case o.to < 0:
		return 0, fmt.Errorf("--to-revision: %d is not a revision; they are numbered from 1", o.to)
	case o.to > 0:
		return o.to, nil
	}
	all, err := s.revisions(ctx)
	if err != nil {
		return 0, err
	}
	before := all.before()
	if before == nil {
		return 0, fmt.Errorf("%s has no revision before the current one", s)
	}
	return before.Generation, nil
}

// send changes the live object into after, unless somebody else changes it first.
func (o *undoOptions) send(ctx context.Context, s *subject, live, after *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	patch, err := json.Marshal(difference(live, after))
	if err != nil {
		return nil, err
	}
	params := map[string]string{"fieldManager": undoManager, "fieldValidation": "Strict"}
	if o.dryRun == cmdutil.DryRunServer {
		params["dryRun"] = "All"
	}
	return s.patch(ctx, types.JSONPatchType, patch, params)
}

func (o *undoOptions) done(after *unstructured.Unstructured, format string, args ...any) error {
	if !o.print.OutputFlagSpecified() {
		fmt.Fprintf(o.session.Out, format+"\n", args...)
		return nil
	}
	printer, err := o.print.ToPrinter()
	if err != nil {
		return err
	}
	return printer.PrintObj(after, o.session.Out)
}

func suffix(dryRun cmdutil.DryRunStrategy) string {
	switch dryRun {
	case cmdutil.DryRunClient:
		return " (dry run)"
	case cmdutil.DryRunServer:
		return " (server dry run)"
	}
	return ""
}

// content is what a revision is about: all but metadata and status.
func content(u *unstructured.Unstructured) map[string]any {
	c := map[string]any{}
	for name, value := range u.Object {
		switch name {
		case "apiVersion", "kind", "metadata", "status":
		default:
			c[name] = value
		}
	}
	return c
}

// undone is the live object with the content of a revision.
func undone(live, wanted *unstructured.Unstructured, to int64) *unstructured.Unstructured {
	after := live.DeepCopy()
	for name := range content(live) {
		delete(after.Object, name)
	}
	for name, value := range content(wanted) {
		after.Object[name] = value
	}
	annotations := after.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[changeCause] = fmt.Sprintf("pnctl rollout undo to revision %d", to)
	after.SetAnnotations(annotations)
	return after
}

type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// difference is the JSON patch from one state to the other, on the condition that the object
// is still in the first. A merge patch could not tell a null from an absent field.
func difference(live, after *unstructured.Unstructured) []operation {
	patch := []operation{
		{"replace", "/metadata/resourceVersion", live.GetResourceVersion()},
		{"add", "/metadata/annotations", after.GetAnnotations()},
	}
	before, wanted := content(live), content(after)
	for name := range before {
		if _, stays := wanted[name]; !stays {
			patch = append(patch, operation{Op: "remove", Path: pointer(name)})
		}
	}
	for name, value := range wanted {
		if !apiequality.Semantic.DeepEqual(before[name], value) {
			patch = append(patch, operation{"add", pointer(name), value})
		}
	}
	return patch
}

// pointer is the JSON pointer to a field of the whole object.
func pointer(name string) string {
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
