package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/powernode/powernode/store/postgres"
	"github.com/powernode/powernode/store/postgres/yardstick"
)

// prepare makes the run's directory, the program that is measured, and a private PostgreSQL as
// pnserver starts one for itself.
func (b *bench) prepare(ctx context.Context) (clean func(), err error) {
	all := &stage{bench: b}
	defer func() {
		if err != nil {
			all.close()
		}
	}()
	if b.dir, err = os.MkdirTemp("", "powernode-bench-"); err != nil {
		return nil, err
	}
	all.onClose(func() { os.RemoveAll(b.dir) })
	if err := os.Chmod(b.dir, 0o755); err != nil { // PostgreSQL's own user goes through it
		return nil, err
	}
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	private, err := postgres.StartPrivate(ctx, filepath.Join(b.dir, "postgres"), nil)
	if err != nil {
		return nil, err
	}
	all.onClose(func() {
		b.report("stop PostgreSQL", private.Stop())
		os.RemoveAll(private.Home())
	})
	b.dsn = private.DSN()
	return all.close, nil
}

// build builds pnserver, if none was named.
func (b *bench) build(ctx context.Context) error {
	if b.pnserver != "" {
		return nil
	}
	b.pnserver = filepath.Join(b.dir, "pnserver")
	fmt.Fprintln(b.progress, "building pnserver")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", b.pnserver, "github.com/powernode/powernode/cmd/pnserver").CombinedOutput()
	if err != nil {
		return fmt.Errorf("build pnserver: %w\n%s", err, out)
	}
	return nil
}

func (b *bench) report(what string, err error) {
	if err != nil {
		fmt.Fprintf(b.progress, "%s: %v\n", what, err)
	}
}

// stage is a fresh database, and the stores and servers on it.
type stage struct {
	bench    *bench
	dir, dsn string
	closers  []func()
}

func (b *bench) newStage(ctx context.Context) (s *stage, err error) {
	b.stages++
	name := fmt.Sprintf("stage%d", b.stages)
	s = &stage{bench: b, dir: filepath.Join(b.dir, name)}
	if err := os.Mkdir(s.dir, 0o755); err != nil {
		return nil, err
	}
	var drop func() error
	if s.dsn, drop, err = yardstick.Database(ctx, b.dsn, name); err != nil {
		return nil, err
	}
	s.onClose(func() {
		b.report("drop "+name, drop())
		os.RemoveAll(s.dir)
	})
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

// store opens the store in this process; not after a server, whose key it lacks.
func (s *stage) store(ctx context.Context) (*postgres.Store, error) {
	opened, err := postgres.Open(ctx, postgres.Config{DSN: s.dsn})
	if err == nil {
		s.onClose(opened.Close)
	}
	return opened, err
}
