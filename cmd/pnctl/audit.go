package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"

	"github.com/powernode/powernode/api/audit"
)

func newCmdAudit(f cmdutil.Factory, s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit SUBCOMMAND",
		Short: "Look at who changed what, and check that the record of it is whole",
		Long: `Look at who changed what, and check that the record of it is whole.

The server records every call that changes something, and those it refuses. The records are
chained by their hashes, so that none can be changed, added or removed unseen.`,
		Example: `  pnctl audit list --since 1h --verb delete
  pnctl audit show 1234
  pnctl audit verify --anchor-file audit.head`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return cmdutil.UsageErrorf(cmd, "there is no %q; there are list, show and verify", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCmdAuditList(f, s), newCmdAuditShow(f, s), newCmdAuditVerify(f, s))
	return cmd
}

// auditLog is the server's log of records.
type auditLog struct{ rest rest.Interface }

var _ audit.Source = auditLog{}

func newAuditLog(f cmdutil.Factory) (auditLog, error) {
	c, err := newClient(f)
	if err != nil {
		return auditLog{}, err
	}
	return auditLog{c.rest}, nil
}

// Records implements audit.Source; a limit of 0 reads page after page.
func (l auditLog) Records(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	params := recordParams(q)
	var all []audit.Entry
	for {
		var page struct {
			Metadata struct {
				Continue string `json:"continue"`
			} `json:"metadata"`
			Items []audit.Entry `json:"items"`
		}
		if err := l.read(ctx, "records", params, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Metadata.Continue == "" || (q.Limit > 0 && len(all) >= q.Limit) {
			return all, nil
		}
		params.Set("continue", page.Metadata.Continue)
	}
}

// Links implements audit.Source.
func (l auditLog) Links(ctx context.Context, after int64, limit int) (audit.Chain, error) {
	var chain audit.Chain
	params := url.Values{"after": {strconv.FormatInt(after, 10)}, "limit": {strconv.Itoa(limit)}}
	return chain, l.read(ctx, "links", params, &chain)
}

func (l auditLog) read(ctx context.Context, what string, params url.Values, into any) error {
	r := l.rest.Get().AbsPath("/audit/v1/" + what)
	for name, values := range params {
		r = r.Param(name, values[0])
	}
	raw, err := r.DoRaw(ctx)
	if err != nil {
		return withStatus(raw, err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("the audit %s of the server: %w", what, err)
	}
	return nil
}

func recordParams(q audit.Query) url.Values {
	params := url.Values{}
	set := func(name, value string, given bool) {
		if given {
			params.Set(name, value)
		}
	}
	set("since", q.Since.UTC().Format(time.RFC3339Nano), !q.Since.IsZero())
	set("until", q.Until.UTC().Format(time.RFC3339Nano), !q.Until.IsZero())
	for name, value := range map[string]string{"user": q.User, "verb": q.Verb, "resource": q.Resource, "namespace": q.Namespace,
		"name": q.Name, "requestID": q.RequestID} {
		set(name, value, value != "")
	}
	for name, value := range map[string]int64{"code": int64(q.Code), "limit": int64(q.Limit), "after": q.After, "before": q.Before} {
		set(name, strconv.FormatInt(value, 10), value != 0)
	}
	set("oldest", "true", q.Oldest)
	return params
}
