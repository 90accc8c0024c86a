package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/powernode/powernode/cmd/internal/build"
	"github.com/powernode/powernode/store/backup"
	"github.com/powernode/powernode/store/postgres"
)

func dumpCommand(o *databaseOptions) *cobra.Command {
	var d postgres.DumpOptions
	c := &cobra.Command{
		Use: "dump", Args: cobra.NoArgs,
		Short: "Write the tables as SQL, to look at or to load with psql",
		Long: `Write the tables and what is in them as SQL to the standard output, by the machine's pg_dump, which must
be of the server's version or newer.

It is good for looking at, for comparing schemas, and for moving the tables to another PostgreSQL by hand. Secrets in
it stay encrypted. It is no replacement for "backup": what is loaded from it goes on with the same revisions, so clients
that have seen later ones would not notice that they are gone.`,
		Example: `  # The tables without what is in them
  pnserver db dump --schema-only`,
		RunE: func(c *cobra.Command, _ []string) error {
			dsn, stop, err := o.open(c.Context(), false)
			if err != nil {
				return err
			}
			defer stop()
			return postgres.Dump(c.Context(), dsn, c.OutOrStdout(), d)
		},
	}
	c.Flags().BoolVar(&d.SchemaOnly, "schema-only", false, "leave out what is in the tables")
	return c
}

func backupCommand(o *databaseOptions) *cobra.Command {
	var b postgres.BackupOptions
	c := &cobra.Command{
		Use: "backup FILE", Args: cobra.ExactArgs(1),
		Short: "Write everything to one file, while servers run",
		Long: `Write everything to one file (- for the standard output), while servers run: all objects and the versions of
their specs, Secrets as they are encrypted, audit records and their chain, tasks and logs of runs, as they were at one
revision. The log of changes is not in it: after a restore, clients begin their watches anew.

Not in the database, so not in the backup: the encryption key (without which no Secret of the backup can be read), the
artifacts of runs, and the tokens and certificates in the data directory. Copy these apart.

The file appears under its name when it is whole. Whoever has it can read all but the Secrets.`,
		Example: `  pnserver db backup /backups/$(date +%F).pnbackup

  # Without a file of its own on this machine
  pnserver db backup - | ssh vault 'cat > powernode.pnbackup'`,
		RunE: func(c *cobra.Command, args []string) error {
			dsn, stop, err := o.open(c.Context(), false)
			if err != nil {
				return err
			}
			defer stop()
			b.Program = build.Version()
			h, err := backUp(c.Context(), dsn, args[0], c.OutOrStdout(), b)
			if err == nil {
				fmt.Fprintf(c.ErrOrStderr(), "backed up everything up to revision %d; secrets in it need the keys %v\n", h.Revision, h.Keys)
			}
			return err
		},
	}
	c.Flags().BoolVar(&b.SkipLogs, "skip-logs", false, "leave out the logs of runs")
	return c
}

// backUp writes a backup to a new file, which appears under its name when it is whole.
func backUp(ctx context.Context, dsn, path string, stdout io.Writer, o postgres.BackupOptions) (h backup.Header, err error) {
	if path == "-" {
		return postgres.Backup(ctx, dsn, stdout, o)
	}
	if _, err := os.Stat(path); err == nil {
		return h, fmt.Errorf("%s is there already: name a new file", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-*") // for its owner alone
	if err != nil {
		return h, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	buffered := bufio.NewWriterSize(f, 1<<20)
	if h, err = postgres.Backup(ctx, dsn, buffered, o); err != nil {
		return h, err
	}
	if err := errors.Join(buffered.Flush(), f.Sync(), f.Close()); err != nil {
		return h, fmt.Errorf("write the backup: %w", err)
	}
	return h, os.Rename(f.Name(), path)
}

// restoreOptions are the flags of restore.
type restoreOptions struct {
	database *databaseOptions
	sealing  sealingOptions
	yes      bool
	check    bool
}

func restoreCommand(database *databaseOptions) *cobra.Command {
	o := restoreOptions{database: database}
	c := &cobra.Command{
		Use: "restore FILE", Args: cobra.ExactArgs(1),
		Short: "Bring a backup back into an empty database",
		Long: `Bring a backup (- for the standard input) back into an empty database, whole or not at all: it is one
transaction, and if it is broken off, nothing has changed. Stop the servers first.

The encryption key must be the one of the backup, or nothing is restored. Objects keep their UIDs and resourceVersions.
The revisions go on far beyond all that were handed out since the backup was made, so every watch and list of a former
revision gets "Expired", and clients begin anew. What is undone like everything else since then are revoked Tokens, changed
roles and rotated signing keys: look through them. An audit record tells of the restore.

A backup of an older version is brought to this program's version on the way; one of a newer version is refused.`,
		Example: `  # Is the file whole, and what is it?
  pnserver db restore --check /backups/2026-11-23.pnbackup

  # On another machine: the key, then everything
  install -D -m 600 encryption.key /srv/powernode/encryption.key
  pnserver db create --data-dir /srv/powernode
  pnserver db restore --data-dir /srv/powernode /backups/2026-11-23.pnbackup`,
		RunE: func(c *cobra.Command, args []string) error {
			in := c.InOrStdin()
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				in = bufio.NewReaderSize(f, 1<<20)
			}
			if o.check {
				return checkBackup(in, c.OutOrStdout())
			}
			return o.restore(c.Context(), in, c.OutOrStdout())
		},
	}
	o.sealing.addFlags(c.Flags())
	c.Flags().BoolVar(&o.yes, "yes", false, "remove what is in the database")
	c.Flags().BoolVar(&o.check, "check", false, "only read the file, and tell whether it is whole and what it is of")
	return c
}

func (o *restoreOptions) restore(ctx context.Context, in io.Reader, out io.Writer) error {
	dir, err := o.database.dir()
	if err != nil {
		return err
	}
	keys, err := o.sealing.source(dir)
	if err != nil {
		return err
	}
	dsn, stop, err := o.database.open(ctx, true)
	if err != nil {
		return err
	}
	defer stop()
	r, err := postgres.Restore(ctx, dsn, in, postgres.RestoreOptions{Replace: o.yes, Keys: keys})
	if errors.Is(err, postgres.ErrNotEmpty) {
		return fmt.Errorf("%w; restore into an empty one, or with --yes all of that is replaced", err)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "restored %d objects, %d versions and %d audit records as of revision %d; revisions go on at %d\n",
		r.Rows["objects"], r.Rows["versions"], r.Rows["audit"], r.Revision, r.Begins)
	return nil
}

// checkBackup reads a whole backup.
func checkBackup(in io.Reader, out io.Writer) error {
	r, h, err := backup.NewReader(in)
	if err != nil {
		return err
	}
	rows := map[string]int64{}
	for {
		table, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			_, err = io.Copy(io.Discard, r.Rows())
		}
		if err != nil {
			return err
		}
		rows[table.Name] = r.Count()
	}
	fmt.Fprintf(out, "the backup is whole: made at %s by %s at step %d, of revision %d: %d objects, %d versions, %d audit records (head %s), %d logs; secrets in it need the keys %v\n",
		h.At.Format(time.RFC3339), h.Program, h.Step, h.Revision, rows["objects"], rows["versions"], rows["audit"], h.AuditHead, rows["logs"], h.Keys)
	return nil
}
