package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/powernode/powernode/store/postgres"
)

// prepare makes the run's directory and the program that is measured.
func (b *bench) prepare(ctx context.Context) (clean func(), err error) {
	if b.dir, err = os.MkdirTemp("", "powernode-bench-"); err != nil {
		return nil, err
	}
	clean = func() { os.RemoveAll(b.dir) }
	if err = os.Chmod(b.dir, 0o755); err == nil && b.pnserver == "" { // PostgreSQL's own user goes through it
		b.pnserver = filepath.Join(b.dir, "pnserver")
		fmt.Fprintln(b.progress, "building pnserver")
		var out []byte
		if out, err = exec.CommandContext(ctx, "go", "build", "-o", b.pnserver, "github.com/powernode/powernode/cmd/pnserver").CombinedOutput(); err != nil {
			err = fmt.Errorf("build pnserver: %w\n%s", err, out)
		}
	}
	if err != nil {
		clean()
		return nil, err
	}
	return clean, nil
}

// stage is a fresh database, and the servers on it.
type stage struct {
	bench   *bench
	dir     string
	dsn     string
	closers []func()
}

// newStage starts a private PostgreSQL, as pnserver starts one for itself.
func (b *bench) newStage(ctx context.Context) (*stage, error) {
	dir, err := os.MkdirTemp(b.dir, "stage-")
	if err != nil {
		return nil, err
	}
	s := &stage{bench: b, dir: dir}
	s.onClose(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		s.close()
		return nil, err
	}
	private, err := postgres.StartPrivate(ctx, filepath.Join(dir, "postgres"), nil)
	if err != nil {
		s.close()
		return nil, err
	}
	s.onClose(func() {
		if err := private.Stop(); err != nil {
			fmt.Fprintln(b.progress, "stop PostgreSQL:", err)
		}
		os.RemoveAll(private.Home())
	})
	s.dsn = private.DSN()
	return s, nil
}

// beside is the same database, for what is closed before all else on it.
func (s *stage) beside() *stage { return &stage{bench: s.bench, dir: s.dir, dsn: s.dsn} }

func (s *stage) onClose(f func()) { s.closers = append(s.closers, f) }

// close ends all that was opened, the last first.
func (s *stage) close() {
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i]()
	}
	s.closers = nil
}

// store opens the store in this process.
func (s *stage) store(ctx context.Context) (*postgres.Store, error) {
	opened, err := postgres.Open(ctx, postgres.Config{DSN: s.dsn})
	if err == nil {
		s.onClose(opened.Close)
	}
	return opened, err
}
