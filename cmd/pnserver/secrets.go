package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/seal"
)

// secretsOptions are the flags of the secrets commands.
type secretsOptions struct {
	databaseOptions
	sealing sealingOptions
}

func secretsCommand() *cobra.Command {
	o := secretsOptions{}
	c := &cobra.Command{
		Use:   "secrets",
		Short: "Change the key that secrets are encrypted with",
		Long: `Change the key that secrets are encrypted with in the database.

All commands work while servers run. Servers on other machines need a key that
they can read: with a key file, add a line with a new key (openssl rand -base64 32) at
the end of the file on all of them first, and then rotate.`,
	}
	f := c.PersistentFlags()
	o.databaseOptions.addFlags(f)
	o.sealing.addFlags(f)
	c.AddCommand(
		&cobra.Command{
			Use: "rotate", Args: cobra.NoArgs,
			Short: "Encrypt with a new key from now on, and wrap the data key of each secret anew",
			Long: `Encrypt with a new key from now on, and wrap the data key of each secret anew.

Broken off at any point, all secrets stay readable, and the next rotate finishes
what was begun. The former key stays where it is until drop-key.`,
			RunE: func(c *cobra.Command, _ []string) error {
				return o.with(c.Context(), func(keys *postgres.Keys) error { return rotate(c.Context(), keys, c.OutOrStdout()) })
			},
		},
		&cobra.Command{
			Use: "keys", Args: cobra.NoArgs, Short: "List the keys, and how much is encrypted with each",
			RunE: func(c *cobra.Command, _ []string) error {
				return o.with(c.Context(), func(keys *postgres.Keys) error { return listKeys(c.Context(), keys, c.OutOrStdout()) })
			},
		},
		&cobra.Command{
			Use: "drop-key ID", Args: cobra.ExactArgs(1), Short: "Forget a former key that nothing is encrypted with any more",
			RunE: func(c *cobra.Command, args []string) error {
				id, err := seal.ParseID(args[0])
				if err != nil {
					return err
				}
				return o.with(c.Context(), func(keys *postgres.Keys) error { return keys.Drop(c.Context(), id) })
			},
		},
	)
	return c
}

// with opens the keys of the database, on the private server that runs or on one of its own.
func (o *secretsOptions) with(ctx context.Context, do func(keys *postgres.Keys) error) error {
	dataDir, err := o.dir()
	if err != nil {
		return err
	}
	source, err := o.sealing.source(dataDir)
	if err != nil {
		return err
	}
	dsn, stop, err := o.open(ctx, false)
	if err != nil {
		return err
	}
	defer stop()
	keys, err := postgres.OpenKeys(ctx, postgres.Config{DSN: dsn, Keys: source, Sealed: sealedKinds()})
	if err != nil {
		return err
	}
	defer keys.Close()
	return do(keys)
}

func rotate(ctx context.Context, keys *postgres.Keys, out io.Writer) error {
	r, err := keys.Rotate(ctx)
	if err != nil {
		return err
	}
	if r.Finished {
		fmt.Fprintf(out, "Finished the rotation to key %s that had been broken off: %d documents. Rotate again for a new key.\n", r.Key, r.Rows)
	} else {
		fmt.Fprintf(out, "Secrets are encrypted with key %s now: %d documents.\n", r.Key, r.Rows)
	}
	for _, bad := range r.Bad {
		fmt.Fprintln(out, "left as it is:", bad)
	}
	if len(r.Bad) > 0 {
		return fmt.Errorf("%d documents do not open", len(r.Bad))
	}
	return nil
}

func listKeys(ctx context.Context, keys *postgres.Keys, out io.Writer) error {
	states, err := keys.State(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "KEY\tSINCE\tENCRYPTS\tDOCUMENTS\tAVAILABLE")
	for _, s := range states {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", s.ID, s.Since.Format(time.RFC3339), yes(s.Current), s.Rows, yes(s.There))
	}
	return w.Flush()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
