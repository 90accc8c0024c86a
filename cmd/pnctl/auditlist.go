package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/printers"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	"sigs.k8s.io/yaml"

	"github.com/powernode/powernode/api/audit"
)

type auditListOptions struct {
	out          io.Writer
	query        audit.Query
	since, until string
	code         string
	output       string
}

func newCmdAuditList(f cmdutil.Factory, s *session) *cobra.Command {
	o := &auditListOptions{out: s.Out}
	cmd := &cobra.Command{
		Use:   "list [--since 1h] [--by USER] [--verb VERB] [--resource PLURAL] ...",
		Short: "List what was recorded, the newest first",
		Long: `List what was recorded, the newest first: who did what to what, and what the server answered.

Without -n it is of all namespaces.`,
		Example: `  pnctl audit list
  pnctl audit list --since 1d --resource secrets -o wide
  pnctl audit list --code 4xx --by ann
  pnctl audit list -n default --verb delete -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.complete(f); err != nil {
				return err
			}
			log, err := newAuditLog(f)
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), log)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.since, "since", "", "Not before this time (2006-01-02T15:04:05Z) or so long ago (10m, 2d).")
	flags.StringVar(&o.until, "until", "", "Before this time, or so long ago.")
	flags.StringVar(&o.query.User, "by", "", "Calls by this user, or in its name.")
	flags.StringVar(&o.query.Verb, "verb", "", "Calls that do this: create, update, patch, delete, deletecollection, get, list, watch.")
	flags.StringVar(&o.query.Resource, "resource", "", "Calls about this resource, by its plural name.")
	flags.StringVar(&o.query.Name, "name", "", "Calls about objects of this name.")
	flags.StringVar(&o.query.RequestID, "request-id", "", "The call with this id, which the server's log and answers have too.")
	flags.StringVar(&o.code, "code", "", "Calls answered with this status (409) or class of them (4xx).")
	flags.IntVar(&o.query.Limit, "limit", 100, "How many at most; 0 is all.")
	flags.StringVarP(&o.output, "output", "o", "", "One of 'wide', 'json' or 'yaml'.")
	return cmd
}

// complete reads the flags that are not words already.
func (o *auditListOptions) complete(f cmdutil.Factory) (err error) {
	namespace, given, err := f.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return err
	}
	if given {
		o.query.Namespace = namespace
	}
	now := time.Now()
	if o.query.Since, err = parseTime("--since", o.since, now); err != nil {
		return err
	}
	if o.query.Until, err = parseTime("--until", o.until, now); err != nil {
		return err
	}
	if o.code != "" {
		if o.query.Code, err = strconv.Atoi(strings.TrimSuffix(o.code, "xx")); err != nil {
			return fmt.Errorf("--code: %q is not a status such as 409, or a class of them such as 4xx", o.code)
		}
	}
	switch o.output {
	case "", "wide", "json", "yaml":
		return nil
	}
	return fmt.Errorf("--output: %q is not one of wide, json, yaml", o.output)
}

// parseTime reads a time or how long ago; the zero time when there is none.
func parseTime(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	ago, err := parseAgo(strings.TrimSpace(strings.TrimSuffix(text, "ago")))
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %q is neither a time (2006-01-02T15:04:05Z) nor how long ago (10m, 2d)", flag, text)
	}
	return now.Add(-ago), nil
}

func (o *auditListOptions) run(ctx context.Context, log audit.Source) error {
	entries, err := log.Records(ctx, o.query)
	if err != nil {
		return err
	}
	if o.output == "json" || o.output == "yaml" {
		return printEntries(o.out, o.output, entries)
	}
	table := printers.GetNewTabWriter(o.out)
	header := "ID\tTIME\tUSER\tVERB\tRESOURCE\tNAME\tCODE"
	if o.output == "wide" {
		header += "\tSOURCE\tCLIENT\tREQUEST\tMESSAGE"
	}
	fmt.Fprintln(table, header)
	for _, e := range entries {
		line := fmt.Sprintf("%d\t%s\t%s\t%s\t%s\t%s\t%d", e.ID, e.At.Format(time.RFC3339), userOf(e.Record), e.Verb, resourceOf(e.Record), objectOf(e.Record), e.Code)
		if o.output == "wide" {
			client, _, _ := strings.Cut(e.UserAgent, " ")
			line += fmt.Sprintf("\t%s\t%s\t%s\t%s", orNone(e.SourceIP), orNone(client), e.RequestID, orNone(e.Message))
		}
		fmt.Fprintln(table, line)
	}
	return table.Flush()
}

func printEntries(out io.Writer, form string, entries []audit.Entry) error {
	if entries == nil {
		entries = []audit.Entry{}
	}
	raw, err := json.MarshalIndent(map[string]any{"kind": "AuditRecordList", "apiVersion": "powernode.io/v1", "items": entries}, "", "  ")
	if err == nil && form == "yaml" {
		raw, err = yaml.JSONToYAML(raw)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(out, strings.TrimSuffix(string(raw), "\n"))
	return nil
}

func userOf(r audit.Record) string {
	if r.ImpersonatedBy != "" {
		return r.User + " (by " + r.ImpersonatedBy + ")"
	}
	return orNone(r.User)
}

func resourceOf(r audit.Record) string {
	if r.Resource == "" {
		return r.Path
	}
	name := r.Resource
	if r.Group != "" {
		name += "." + r.Group
	}
	if r.Subresource != "" {
		name += "/" + r.Subresource
	}
	return name
}

func objectOf(r audit.Record) string {
	if r.Namespace == "" {
		return orNone(r.Name)
	}
	return r.Namespace + "/" + r.Name
}
