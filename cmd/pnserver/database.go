package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/powernode/powernode/store/postgres"
)

// databaseOptions say which database a command works on.
type databaseOptions struct {
	dataDir     string
	databaseURL string
}

func (o *databaseOptions) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.dataDir, "data-dir", defaultDataDir(), "where the private PostgreSQL and the key of secrets live")
	f.StringVar(&o.databaseURL, "database-url", "", "PostgreSQL to use (default $DATABASE_URL, else the private server)")
}

// dir is the data directory as an absolute path.
func (o *databaseOptions) dir() (string, error) {
	dir, err := filepath.Abs(o.dataDir)
	if err != nil {
		return "", fmt.Errorf("--data-dir: %w", err)
	}
	return dir, nil
}

// named is the URL that was given; "" for the private server.
func (o *databaseOptions) named() string {
	if o.databaseURL != "" {
		return o.databaseURL
	}
	return os.Getenv("DATABASE_URL")
}

// open finds the database: that of the URL, else the private server, which is started until stop is
// called when it does not run. The directory must be there unless it may be made.
func (o *databaseOptions) open(ctx context.Context, make bool) (dsn string, stop func(), err error) {
	if dsn := o.named(); dsn != "" {
		return dsn, func() {}, nil
	}
	dir, err := o.dir()
	if err != nil {
		return "", nil, err
	}
	private := filepath.Join(dir, "postgres")
	if _, err := os.Stat(private); err != nil && !make {
		return "", nil, fmt.Errorf("--data-dir: there is no private server in %s; name the directory of the server, or its --database-url", dir)
	}
	if dsn, running := postgres.RunningPrivate(private); running {
		return dsn, func() {}, nil
	}
	server, err := postgres.StartPrivate(ctx, private, slog.New(slog.DiscardHandler))
	if err != nil {
		return "", nil, err
	}
	return server.DSN(), func() { _ = server.Stop() }, nil
}

// with connects to the database for a change of its tables.
func (o *databaseOptions) with(ctx context.Context, do func(a *postgres.Admin) error) error {
	dsn, stop, err := o.open(ctx, false)
	if err != nil {
		return err
	}
	defer stop()
	a, err := postgres.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer a.Close()
	return do(a)
}
