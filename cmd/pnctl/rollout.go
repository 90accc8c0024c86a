package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
)

// newCmdRollout has kubectl's words for what every kind with a spec can do here. What
// kubectl itself does under them is to its own workloads, which the server does not have.
func newCmdRollout(f cmdutil.Factory, s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollout SUBCOMMAND",
		Short: "Look at the revisions of an object, go back to one, wait until one is in force",
		Long: `Look at the revisions of an object, go back to one, wait until one is in force.

A revision is a generation: every change of what the owner of an object wants makes the next one.`,
		Example: `  pnctl rollout history pl/build
  pnctl rollout undo pl/build --to-revision 2
  pnctl rollout status ci/web`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return cmdutil.UsageErrorf(cmd, "there is no %q; there are history, undo and status", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCmdHistory(f, s), newCmdUndo(f, s), newCmdStatus(f, s))
	return cmd
}

// revisions is what the subresource history answers.
type revisions struct {
	Items    []revision `json:"items"`
	document *unstructured.Unstructured
}

type revision struct {
	Generation  int64     `json:"generation"`
	At          time.Time `json:"at"`
	By          string    `json:"by"`
	Current     bool      `json:"current"`
	ChangeCause string    `json:"changeCause"`
}

func (s *subject) revisions(ctx context.Context) (*revisions, error) {
	doc, err := s.below(ctx, "history", nil)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(doc.Object)
	if err != nil {
		return nil, err
	}
	r := &revisions{document: doc}
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, fmt.Errorf("the history of %s: %w", s, err)
	}
	return r, nil
}

// number finds a revision; nil when it is not kept.
func (r *revisions) number(n int64) *revision {
	for i := range r.Items {
		if r.Items[i].Generation == n {
			return &r.Items[i]
		}
	}
	return nil
}

// before is the latest revision older than the current one; nil when there is none.
func (r *revisions) before() *revision {
	for i := len(r.Items) - 1; i > 0; i-- {
		if r.Items[i].Current {
			return &r.Items[i-1]
		}
	}
	return nil
}

// revision is the object as it was wanted then.
func (s *subject) revision(ctx context.Context, n int64) (*unstructured.Unstructured, error) {
	return s.below(ctx, "history", map[string]string{"generation": strconv.FormatInt(n, 10)})
}
