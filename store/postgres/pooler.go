package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// What is wrong with an address to listen at.
var (
	// ErrPooled: nothing can be heard, as no session stays with a connection.
	ErrPooled = errors.New("a connection pooler that lends out its sessions (like PgBouncer in transaction mode) is between this program and the database")
	// ErrDeaf: something can be heard, but not what is said at the other address.
	ErrDeaf = errors.New("what is said in the database is not heard there: it is the address of another one")
)

// address is where a database is reached. At one that is pooled, what a connection sets, prepares or
// locks for its session may be there for somebody else, or not at all, in its next transaction.
type address struct {
	dsn    string
	pooled bool
}

// config is how to connect to the address.
func (a address) config() (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(a.dsn)
	if err != nil {
		return nil, fmt.Errorf("read the database URL: %w", err)
	}
	return config, a.adapt(config)
}

// adapt makes a connection to the address work with what it keeps. Without sessions there are
// no named statements, unless the DSN says that the pooler knows them (default_query_exec_mode).
func (a address) adapt(config *pgx.ConnConfig) error {
	raw, err := pgconn.ParseConfig(a.dsn)
	if err != nil {
		return fmt.Errorf("read the database URL: %w", err)
	}
	if !a.pooled {
		return nil
	}
	if _, named := raw.RuntimeParams["default_query_exec_mode"]; !named {
		config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	return nil
}

// connect opens a connection.
func (a address) connect(ctx context.Context) (*pgx.Conn, error) {
	config, err := a.config()
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return conn, nil
}

// explore finds out what is at an address. A database tells a connection the number of its
// process; a pooler in between tells another. Then it is seen whether the process stays
// the same while another connection takes one: a session that is lent has then been passed on.
func explore(ctx context.Context, dsn string) (address, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	// In the first place nothing is relied on.
	a := address{dsn, true}
	one, err := a.connect(ctx)
	if err != nil {
		return a, err
	}
	defer hangUp(ctx, one)
	pid, err := processOf(ctx, one)
	if err != nil || pid == one.PgConn().PID() {
		return address{dsn, false}, err
	}
	other, err := a.connect(ctx)
	if err != nil {
		return a, err
	}
	defer hangUp(ctx, other)
	// Others who use the pooler may be in between at times, and hide that it lends.
	for range 20 {
		if lent, err := lends(ctx, one, other); lent || err != nil {
			return a, err
		}
	}
	return address{dsn, false}, nil
}

// lends reports whether a session of one was seen to pass to other, or to be taken from it.
func lends(ctx context.Context, one, other *pgx.Conn) (lent bool, err error) {
	before, err := processOf(ctx, one)
	if err != nil {
		return false, err
	}
	err = pgx.BeginFunc(ctx, other, func(tx pgx.Tx) error {
		taken, err := processOf(ctx, tx)
		if lent = taken == before; lent || err != nil {
			return err
		}
		after, err := processOf(ctx, one)
		lent = after != before
		return err
	})
	return lent, err
}

// processOf is the number of the database's process that executes for us.
func processOf(ctx context.Context, q interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}) (pid uint32, err error) {
	if err := q.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
		return 0, fmt.Errorf("look for a pooler: %w", err)
	}
	return pid, nil
}

// testListening makes sure that what is said at the address can be heard at another one, within a time.
func (a address) testListening(ctx context.Context, hear, channel string, most time.Duration) (err error) {
	there := a
	if hear != a.dsn {
		if there, err = explore(ctx, hear); err != nil {
			return fmt.Errorf("the address to listen at: %w", err)
		}
	}
	if there.pooled {
		return ErrPooled
	}
	if there == a {
		return nil
	}
	listener, err := there.connect(ctx)
	if err != nil {
		return fmt.Errorf("the address to listen at: %w", err)
	}
	defer hangUp(ctx, listener)
	speaker, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer hangUp(ctx, speaker)
	return overhear(ctx, listener, speaker, channel, most)
}

// overhear says something on a connection, and waits until it is heard on another.
func overhear(ctx context.Context, listener, speaker *pgx.Conn, channel string, most time.Duration) error {
	word := "?" + uuid.NewString()
	if _, err := listener.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if _, err := speaker.Exec(ctx, `SELECT pg_notify($1, $2)`, channel, word); err != nil {
		return fmt.Errorf("test that one listens: %w", err)
	}
	patient, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for {
		message, err := listener.WaitForNotification(patient)
		switch {
		case patient.Err() != nil && ctx.Err() == nil:
			return ErrDeaf
		case err != nil:
			return fmt.Errorf("listen: %w", err)
		}
		if message.Payload == word {
			return nil
		}
	}
}
