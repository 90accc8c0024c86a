package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"

	"github.com/powernode/powernode/api/audit"
)

// verifyTries is how often a verification begins again because old records were dropped meanwhile.
const verifyTries = 3

type verifyOptions struct {
	out    io.Writer
	head   string
	anchor string // a file
}

func newCmdAuditVerify(f cmdutil.Factory, s *session) *cobra.Command {
	o := &verifyOptions{out: s.Out}
	cmd := &cobra.Command{
		Use:   "verify [--head HEX | --anchor-file FILE]",
		Short: "Check that no record was changed, added or removed",
		Long: `Check that no record was changed, added or removed: fetch the records and the chain that proves
them, and compute it again here. It fails at the first record that does not fit.

A log that was cut off at its end, or replaced as a whole, proves itself all the same. So
note the head that is printed somewhere else, and compare with it next time: --head, or
--anchor-file, which keeps the head of each success in a file.`,
		Example: `  pnctl audit verify
  pnctl audit verify --head 5f4e...
  pnctl audit verify --anchor-file /var/lib/powernode-audit.head`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.head != "" && o.anchor != "" {
				return errors.New("--head and --anchor-file exclude each other")
			}
			log, err := newAuditLog(f)
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), log)
		},
	}
	cmd.Flags().StringVar(&o.head, "head", "", "A head that was printed before: it must be in the chain still.")
	cmd.Flags().StringVar(&o.anchor, "anchor-file", "", "Compare with the head in this file, if there is one, and keep the new head there.")
	return cmd
}

func (o *verifyOptions) run(ctx context.Context, log audit.Source) error {
	earlier, err := o.earlier()
	if err != nil {
		return err
	}
	var report audit.Report
	for try := 1; ; try++ {
		witness := &headWitness{Source: log, want: earlier}
		report, err = audit.Verify(ctx, witness)
		if errors.Is(err, audit.ErrShortened) && try < verifyTries {
			continue
		}
		if err != nil {
			return fmt.Errorf("the audit log is not whole: %w", err)
		}
		if earlier != nil && !witness.seen {
			return missingHead(*earlier, report)
		}
		break
	}
	fmt.Fprintf(o.out, "%d records in %d links are whole, up to record %d\n", report.Records, report.Links, report.Head.ID)
	if report.Anchor.ID > 0 {
		fmt.Fprintf(o.out, "older records were dropped, up to record %d\n", report.Anchor.ID)
	}
	fmt.Fprintf(o.out, "head %s\n", report.Head.Hash)
	return o.keep(report.Head)
}

// missingHead says why an earlier head is not in a chain that is whole.
func missingHead(earlier audit.Head, report audit.Report) error {
	if earlier.ID > 0 && earlier.ID < report.Anchor.ID {
		return fmt.Errorf("the earlier head can't be compared: records up to %d were dropped, and it was that of record %d", report.Anchor.ID, earlier.ID)
	}
	return fmt.Errorf("the audit log is not whole: the earlier head %s is not in it; records were cut off, or the log was replaced", earlier.Hash)
}

// earlier is the head to compare with; nil when there is none.
func (o *verifyOptions) earlier() (*audit.Head, error) {
	head := &audit.Head{}
	switch {
	case o.head != "":
		if err := head.Hash.UnmarshalText([]byte(o.head)); err != nil {
			return nil, fmt.Errorf("--head: %w", err)
		}
		return head, nil
	case o.anchor == "":
		return nil, nil
	}
	raw, err := os.ReadFile(o.anchor)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, head)
	}
	if err != nil {
		return nil, fmt.Errorf("--anchor-file %s: %w", o.anchor, err)
	}
	return head, nil
}

// keep writes the head for the next time.
func (o *verifyOptions) keep(head audit.Head) error {
	if o.anchor == "" {
		return nil
	}
	raw, err := json.Marshal(head)
	if err == nil {
		err = os.WriteFile(o.anchor+".new", append(raw, '\n'), 0o644)
	}
	if err == nil {
		err = os.Rename(o.anchor+".new", o.anchor)
	}
	if err != nil {
		return fmt.Errorf("--anchor-file: %w", err)
	}
	return nil
}

// headWitness notes whether a head goes by in the links that are read through it.
type headWitness struct {
	audit.Source
	want *audit.Head
	seen bool
}

func (w *headWitness) Links(ctx context.Context, after int64, limit int) (audit.Chain, error) {
	chain, err := w.Source.Links(ctx, after, limit)
	if w.want == nil {
		return chain, err
	}
	w.seen = w.seen || chain.Anchor.Hash == w.want.Hash
	for _, l := range chain.Links {
		w.seen = w.seen || l.Head == w.want.Hash
	}
	return chain, err
}
