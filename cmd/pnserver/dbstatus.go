package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/powernode/powernode/store/postgres"
)

func statusCommand(o *databaseOptions) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "status", Args: cobra.NoArgs,
		Short: "Tell the version, size and state of the database",
		Long: `Tell the version, size and state of the database, and change nothing.

REVISION is that of the last write; a watch or a list can begin at any revision from "history from" on. The
head of the AUDIT log proves all records before it: keep a copy of it elsewhere.`,
		Example: `  # For programs
  pnserver db status -o json`,
		RunE: func(c *cobra.Command, _ []string) error {
			if format != "" && format != "json" {
				return fmt.Errorf("-o %s: there is json", format)
			}
			dsn, stop, err := o.open(c.Context(), false)
			if err != nil {
				return err
			}
			defer stop()
			s, err := postgres.ReadStatus(c.Context(), dsn)
			if err != nil {
				return err
			}
			if format == "json" {
				e := json.NewEncoder(c.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(s)
			}
			return printStatus(c.OutOrStdout(), s)
		},
	}
	c.Flags().StringVarP(&format, "output", "o", "", "json")
	return c
}

func printStatus(out io.Writer, s postgres.Status) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "DATABASE\t%s, schema %s, PostgreSQL %s\n", s.Database, s.Schema, s.PostgreSQL)
	fmt.Fprintf(w, "STEP\t%s\n", stepLine(s))
	if s.Step > 0 {
		fmt.Fprintf(w, "REVISION\t%d, history from %d\n", s.Revision, s.Floor)
		fmt.Fprintf(w, "OBJECTS\t%d\n", s.Objects)
		fmt.Fprintf(w, "AUDIT\tlast record %d, head %s\n", s.Audit.Last, s.Audit.Head)
		fmt.Fprintf(w, "SIZE\t%s\n", size(s.Bytes))
	}
	for _, t := range s.Tables {
		parts := ""
		if t.Partitions > 0 {
			parts = fmt.Sprintf(", %d partitions", t.Partitions)
		}
		fmt.Fprintf(w, "  %s\t%s%s\n", t.Name, size(t.Bytes), parts)
	}
	for n, k := range s.Keys {
		title, use := "", "former"
		if n == 0 {
			title = "KEYS"
		}
		if k.Current {
			use = "encrypts"
		}
		fmt.Fprintf(w, "%s\t%s, since %s, %s\n", title, k.ID, k.Since.Format(time.RFC3339), use)
	}
	for n, m := range s.Members {
		title := ""
		if n == 0 {
			title = "MEMBERS"
		}
		fmt.Fprintf(w, "%s\t%s %s, since %s, %d slots\n", title, m.ID, m.Name, m.Since.Format(time.RFC3339), m.Slots)
	}
	return w.Flush()
}

func stepLine(s postgres.Status) string {
	switch {
	case s.Step == 0:
		return "none: the schema has no tables of Powernode; pnserver db migrate makes them"
	case s.Step > s.Newest:
		return fmt.Sprintf("%d (%s), newer than this program (%d): use the newer program", s.Step, s.StepName, s.Newest)
	case len(s.Pending) > 0:
		return fmt.Sprintf("%d (%s) of %d, pending: %s; pnserver db migrate takes them", s.Step, s.StepName, s.Newest, strings.Join(s.Pending, ", "))
	}
	return fmt.Sprintf("%d (%s), nothing pending", s.Step, s.StepName)
}

// size is a number of bytes for people.
func size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	f, u := float64(n), 0
	for f >= 1024 && u < len(units)-1 {
		f, u = f/1024, u+1
	}
	if u == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[u])
}
