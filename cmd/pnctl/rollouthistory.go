package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	utilcomp "k8s.io/kubectl/pkg/util/completion"
	"sigs.k8s.io/yaml"
)

type historyOptions struct {
	out      io.Writer
	print    *genericclioptions.PrintFlags
	revision int64
}

func newCmdHistory(f cmdutil.Factory, s *session) *cobra.Command {
	o := &historyOptions{out: s.Out, print: genericclioptions.NewPrintFlags("")}
	cmd := &cobra.Command{
		Use:   "history (KIND/NAME | KIND NAME) [--revision N]",
		Short: "List the revisions of an object, or show one",
		Long: `List the revisions of an object, or show one.

Each says when it began and whose change it was, and why if the change set the annotation
kubernetes.io/change-cause. What was deleted can be read until its name is taken again.`,
		Example: `  pnctl rollout history pl/build
  pnctl rollout history pl build --revision 2
  pnctl rollout history pl/build --revision 2 -o yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			subject, err := findSubject(f, cmd.CommandPath(), args)
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), subject)
		},
		ValidArgsFunction: utilcomp.ResourceTypeAndNameCompletionFunc(f),
	}
	cmd.Flags().Int64Var(&o.revision, "revision", 0, "Show this revision.")
	o.print.AddFlags(cmd)
	return cmd
}

func (o *historyOptions) run(ctx context.Context, s *subject) error {
	if o.revision < 0 {
		return fmt.Errorf("--revision: %d is not a revision; they are numbered from 1", o.revision)
	}
	if o.print.OutputFlagSpecified() {
		return o.object(ctx, s)
	}
	all, err := s.revisions(ctx)
	if err != nil {
		return err
	}
	if o.revision == 0 {
		return listRevisions(o.out, s, all)
	}
	return o.show(ctx, s, all)
}

// object prints the history, or the revision, as a document.
func (o *historyOptions) object(ctx context.Context, s *subject) error {
	printer, err := o.print.ToPrinter()
	if err != nil {
		return err
	}
	if o.revision > 0 {
		doc, err := s.revision(ctx, o.revision)
		if err != nil {
			return err
		}
		return printer.PrintObj(doc, o.out)
	}
	doc, err := s.below(ctx, "history", nil)
	if err != nil {
		return err
	}
	return printer.PrintObj(doc, o.out)
}

func listRevisions(out io.Writer, s *subject, all *revisions) error {
	fmt.Fprintln(out, s)
	table := printers.GetNewTabWriter(out)
	fmt.Fprintln(table, "REVISION\tCURRENT\tAT\tBY\tCHANGE-CAUSE")
	for _, r := range all.Items {
		current := ""
		if r.Current {
			current = "*"
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\n", r.Generation, current, r.At.Format(time.RFC3339), orNone(r.By), orNone(r.ChangeCause))
	}
	return table.Flush()
}

// show prints one revision for people: who, when, and what was wanted.
func (o *historyOptions) show(ctx context.Context, s *subject, all *revisions) error {
	doc, err := s.revision(ctx, o.revision)
	if err != nil {
		return err
	}
	wanted := content(doc)
	raw, err := yaml.Marshal(wanted)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.out, "%s with revision #%d\n", s, o.revision)
	if r := all.number(o.revision); r != nil {
		fmt.Fprintf(o.out, "At: %s\nBy: %s\nChange cause: %s\n", r.At.Format(time.RFC3339), orNone(r.By), orNone(r.ChangeCause))
	}
	fmt.Fprint(o.out, string(raw))
	return nil
}

func orNone(text string) string {
	if text = strings.Join(strings.Fields(text), " "); text == "" {
		return "<none>"
	}
	return text
}
