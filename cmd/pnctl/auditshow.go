package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	"k8s.io/utils/exec"

	"github.com/powernode/powernode/api/audit"
)

func newCmdAuditShow(f cmdutil.Factory, s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show one record, and what it changed",
		Long: `Show one record, and what it changed as the program of pnctl diff shows it (KUBECTL_EXTERNAL_DIFF).

The values of secrets are in no record; that one was exchanged can be seen.`,
		Example: `  pnctl audit show 1234`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil || id < 1 {
				return fmt.Errorf("%q is not the id of a record; `pnctl audit list` shows them", args[0])
			}
			log, err := newAuditLog(f)
			if err != nil {
				return err
			}
			entries, err := log.Records(cmd.Context(), audit.Query{After: id - 1, Before: id + 1, Limit: 1})
			if err != nil {
				return err
			}
			if len(entries) == 0 {
				return fmt.Errorf("there is no record %d", id)
			}
			return showRecord(s, entries[0].Record)
		},
	}
}

func showRecord(s *session, r audit.Record) error {
	for _, line := range [][2]string{
		{"ID", strconv.FormatInt(r.ID, 10)}, {"Time", r.At.Format(time.RFC3339Nano)}, {"User", userOf(r)}, {"From", r.SourceIP},
		{"Client", r.UserAgent}, {"Request", r.RequestID}, {"Verb", r.Verb}, {"Resource", resourceOf(r)}, {"Name", objectOf(r)}, {"UID", r.UID},
		{"Answer", fmt.Sprintf("%d %s", r.Code, r.Reason)}, {"Message", r.Message},
	} {
		if line[1] != "" {
			fmt.Fprintf(s.Out, "%-10s%s\n", line[0]+":", line[1])
		}
	}
	if r.Old == nil && r.New == nil {
		return nil
	}
	old, err := recordSide("OLD", r.Old)
	defer old.drop()
	if err != nil {
		return err
	}
	after, err := recordSide("NEW", r.New)
	defer after.drop()
	if err != nil {
		return err
	}
	err = compare(s.IOStreams, old, after)
	if differ := exec.ExitError(nil); errors.As(err, &differ) && differ.ExitStatus() == 1 {
		return nil // that they differ is the point
	}
	return err
}

// recordSide is one of a record's documents as the diff program sees it; empty when there is none.
func recordSide(label string, doc json.RawMessage) (side, error) {
	u := &unstructured.Unstructured{}
	if doc == nil {
		return emptySide(label)
	}
	if err := json.Unmarshal(doc, &u.Object); err != nil {
		return side{}, fmt.Errorf("the %s object of the record: %w", label, err)
	}
	return newSide(label, "object", u)
}
