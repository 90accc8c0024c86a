package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/powernode/powernode/store/postgres"
)

func dbCommand() *cobra.Command {
	o := &databaseOptions{}
	c := &cobra.Command{
		Use:   "db",
		Short: "Create, migrate, back up and restore the database",
		Long: `Create, migrate, back up and restore the database.

The database is that of --database-url or $DATABASE_URL, else the private server of --data-dir, which is
started for the command when it does not run. All of it lives in the first schema of the
search_path. A password belongs into $DATABASE_URL: a flag is there for all to see in the process list.

"status", "dump" and "backup" work while servers run, and so does "migrate". Stop the servers before
"rollback", "reset" and "restore".`,
		Example: `  # A database on a server of one's own, its role and its tables
  export DATABASE_URL=postgres://powernode:secret@db/powernode
  pnserver db create --role --admin-url postgres://postgres@db/postgres
  pnserver db migrate

  # A backup every night, and what is in it
  pnserver db backup /backups/$(date +%F).pnbackup
  pnserver db restore --check /backups/2026-11-23.pnbackup`,
	}
	o.addFlags(c.PersistentFlags())
	c.AddCommand(createCommand(o), migrateCommand(o), statusCommand(o), rollbackCommand(o), resetCommand(o),
		dumpCommand(o), backupCommand(o), restoreCommand(o))
	return c
}

func createCommand(o *databaseOptions) *cobra.Command {
	var create postgres.CreateOptions
	c := &cobra.Command{
		Use: "create", Args: cobra.NoArgs,
		Short: "Make the database, and its role and schema where asked",
		Long: `Make the database that the URL names, and its role and schema where asked.

What is there already is left as it is. Tables are made by "migrate", or by the first server that starts.
Without a URL, the private server of the data directory is made.`,
		Example: `  # As a role that may create databases
  pnserver db create --database-url postgres://powernode@db/powernode

  # The role, with the password in $DATABASE_URL (only its hash reaches the server), the database and a schema
  DATABASE_URL='postgres://powernode:secret@db/shared?search_path=powernode' \
    pnserver db create --role --schema --admin-url postgres://postgres@db/postgres`,
		RunE: func(c *cobra.Command, _ []string) error {
			dsn := o.named()
			if dsn == "" {
				_, stop, err := o.open(c.Context(), true)
				if err != nil {
					return err
				}
				stop()
				fmt.Fprintln(c.OutOrStdout(), "The private server is there. Next: pnserver db migrate, or pnserver serve")
				return nil
			}
			made, err := postgres.Create(c.Context(), dsn, create)
			for _, what := range made {
				fmt.Fprintln(c.OutOrStdout(), "created", what)
			}
			if err == nil && len(made) == 0 {
				fmt.Fprintln(c.OutOrStdout(), "it was all there")
			}
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&create.Admin, "admin-url", "", "PostgreSQL as somebody who may create databases and roles (default: --database-url itself, on the database postgres)")
	f.BoolVar(&create.Role, "role", false, "make the URL's role, too, with its password; needs --admin-url")
	f.BoolVar(&create.Schema, "schema", false, "make the first schema of the URL's search_path, too")
	return c
}

func migrateCommand(o *databaseOptions) *cobra.Command {
	var look bool
	c := &cobra.Command{
		Use: "migrate", Args: cobra.NoArgs,
		Short: "Bring the tables to this program's version",
		Long: `Bring the tables to this program's version, in one transaction.

Each server does that when it starts, unless it is started with --migrate=false. Servers of the version before go
on working meanwhile; once they are stopped they do not start again on the newer tables. Take
a backup first.`,
		Example: `  # What would be done
  pnserver db migrate --dry-run`,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.with(c.Context(), func(a *postgres.Admin) error {
				if look {
					return pending(c, a)
				}
				taken, err := a.Migrate(c.Context())
				told(c.OutOrStdout(), "took", taken, err, "nothing to do: the database is of this program's version")
				return err
			})
		},
	}
	c.Flags().BoolVar(&look, "dry-run", false, "only tell which steps would be taken")
	return c
}

func pending(c *cobra.Command, a *postgres.Admin) error {
	steps, err := a.Steps(c.Context())
	if err == nil && steps.At > steps.Newest {
		err = fmt.Errorf("the database is of a newer version (step %d) than this program (step %d): use the newer program", steps.At, steps.Newest)
	}
	told(c.OutOrStdout(), "would take", steps.Pending, err, "nothing to do: the database is of this program's version")
	return err
}

func rollbackCommand(o *databaseOptions) *cobra.Command {
	return &cobra.Command{
		Use: "rollback STEP", Args: cobra.ExactArgs(1),
		Short: "Take migrations back, down to a step",
		Long: `Take migrations back, in one transaction, until the database is at STEP, as an older program needs it.

What the steps above STEP keep is lost. "pnserver db status" tells the
present step. Stop the servers first, and take a backup: restoring it is the other way back.`,
		Example: `  # To what the program needs whose newest step was the 6th
  pnserver db rollback 6`,
		RunE: func(c *cobra.Command, args []string) error {
			to, err := strconv.Atoi(args[0])
			if err != nil || to < 0 {
				return fmt.Errorf("%q is no step: pnserver db status tells the present one", args[0])
			}
			if to == 0 {
				return errors.New("below step 1 nothing is left: pnserver db reset removes everything")
			}
			return o.with(c.Context(), func(a *postgres.Admin) error {
				taken, err := a.Rollback(c.Context(), to)
				told(c.OutOrStdout(), "took back", taken, err, fmt.Sprintf("nothing to do: the database is not above step %d", to))
				return err
			})
		},
	}
}

func resetCommand(o *databaseOptions) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: "reset", Args: cobra.NoArgs,
		Short: "Remove everything, and make the tables anew",
		Long: `Remove everything, and make the tables anew, in one transaction.

Objects, their history, secrets and audit records are lost; only a backup brings them back. Unless nothing is in the
database, --yes is needed. Containers keep running: nobody knows them any more. Stop the servers first. Clients that
watch are told that their place has expired.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.with(c.Context(), func(a *postgres.Admin) error {
				was, err := a.Reset(c.Context(), yes)
				if errors.Is(err, postgres.ErrNotEmpty) {
					return fmt.Errorf("%w; with --yes all of that is removed", err)
				}
				if err == nil {
					fmt.Fprintf(c.OutOrStdout(), "removed %s\n", was)
				}
				return err
			})
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "remove what there is")
	return c
}

// told lists steps, if all went well.
func told(out io.Writer, did string, steps []string, err error, none string) {
	switch {
	case err != nil:
	case len(steps) == 0:
		fmt.Fprintln(out, none)
	default:
		fmt.Fprintf(out, "%s %s\n", did, strings.Join(steps, ", "))
	}
}
