package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// startTime bounds the start of a private server, recovery after a crash included.
const startTime = 2 * time.Minute

// Private is a PostgreSQL server of our own, for whom has set up none: it is
// reachable only through a unix socket that only its user (and root) can open.
type Private struct {
	home, data, socket string
	account            account
	programs           binaries
	log                *slog.Logger
	lock               *os.File
	child              *exec.Cmd
	ended              chan struct{} // closed when child has ended
}

// StartPrivate starts a private server on a directory, made at the first time. A server that
// a killed process left running on it is taken over. As root, the server runs as the unix user
// postgres (or nobody), and where that user cannot enter dir, the data lie below /var/lib/powernode.
//
// The server outlives our process unless it is stopped; it is Keep that starts it again when it
// ends by itself. Only one process at a time can use dir.
func StartPrivate(ctx context.Context, dir string, log *slog.Logger) (*Private, error) {
	p := &Private{log: log}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if err := p.place(dir); err != nil {
		return nil, fmt.Errorf("private PostgreSQL in %s: %w", dir, err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	err := p.adoptOrStart(ctx)
	if err != nil {
		p.abandon()
		return nil, fmt.Errorf("private PostgreSQL in %s: %w", p.home, err)
	}
	return p, nil
}

// RunningPrivate is how to connect to the private server of a directory, whoever
// started it; it is false when none runs there.
func RunningPrivate(dir string) (dsn string, running bool) {
	p := &Private{}
	var err error
	if p.account, err = findAccount(); err != nil {
		return "", false
	}
	if p.home, err = p.account.home(dir); err != nil {
		return "", false
	}
	p.data = filepath.Join(p.home, "data")
	if p.socket, err = p.account.socketDir(p.home); err != nil || !p.running() {
		return "", false
	}
	return p.DSN(), true
}

// place finds programs, user and directories, and locks the directory.
func (p *Private) place(dir string) (err error) {
	if p.account, err = findAccount(); err != nil {
		return err
	}
	if p.home, err = p.account.home(dir); err != nil {
		return err
	}
	p.data = filepath.Join(p.home, "data")
	major, err := majorOf(p.data)
	if err != nil {
		return err
	}
	if p.programs, err = findBinaries(major); err != nil {
		return err
	}
	if p.socket, err = p.account.socketDir(p.home); err != nil {
		return err
	}
	return p.takeLock()
}

// takeLock keeps other processes off the directory; the kernel lets go of it when we end.
func (p *Private) takeLock() error {
	file, err := os.OpenFile(filepath.Join(p.home, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lock the directory: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return errors.New("another process uses this directory")
	}
	p.lock = file
	return nil
}

// adoptOrStart makes sure that a server runs and answers.
func (p *Private) adoptOrStart(ctx context.Context) error {
	if p.running() {
		if p.answers(ctx, p.running) == nil {
			p.log.Info("took over the private PostgreSQL that was left running", "directory", p.home)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if err := p.initialize(); err != nil {
		return err
	}
	return p.start(ctx)
}

// startTries: what a killed server left, processes on their way out, can keep
// the next one away for some seconds.
const startTries = 5

func (p *Private) start(ctx context.Context) error {
	for try := 1; ; try++ {
		if err := p.launch(); err != nil {
			return err
		}
		err := p.answers(ctx, p.alive)
		if err == nil || p.alive() || try == startTries || wait(ctx, time.Second) != nil {
			return err
		}
	}
}

// initialize makes the cluster, at the first time. It appears under its name when it is whole.
func (p *Private) initialize() error {
	if _, err := os.Stat(p.data); err == nil {
		return nil
	}
	fresh := p.data + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("clear %s: %w", fresh, err)
	}
	if err := p.account.own(p.home); err != nil {
		return err
	}
	initdb := p.account.command(p.programs.program("initdb"), "-D", fresh, "-U", "powernode",
		"--auth-local=trust", "--auth-host=reject", "--encoding=UTF8", "--locale=C", "--no-instructions")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	if err := os.Rename(fresh, p.data); err != nil {
		return fmt.Errorf("name the new cluster: %w", err)
	}
	return nil
}

// DSN is how to connect to the server.
func (p *Private) DSN() string {
	query := url.Values{"host": {p.socket}, "user": {"powernode"}, "dbname": {"postgres"}, "sslmode": {"disable"}}
	return "postgres:///?" + query.Encode()
}

// answers waits until the server accepts connections, as long as alive says that it may.
func (p *Private) answers(ctx context.Context, alive func() bool) error {
	for {
		err := p.ping(ctx)
		if err == nil {
			return nil
		}
		if !alive() {
			return fmt.Errorf("the server ended: %w; the end of its log: %s", err, p.tail())
		}
		if wait(ctx, 20*time.Millisecond) != nil {
			return fmt.Errorf("the server does not answer: %w; the end of its log: %s", err, p.tail())
		}
	}
}

func (p *Private) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.DSN())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return conn.Ping(ctx)
}
