package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// link is a connection of its own that is made when it is needed, and again after it was lost.
type link struct {
	address
	name string
	conn *pgx.Conn
	used time.Time // when it was last handed out
}

// lost reports that the connection broke.
func (l *link) lost() bool { return l.conn == nil || l.conn.IsClosed() }

// endFormer ends what is left of our former connections in the database, so that it keeps no lock.
func (l *link) endFormer(ctx context.Context) error {
	if l.pooled { // the name may be anybody's
		return nil
	}
	_, err := l.conn.Exec(ctx, `
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE application_name = $1 AND pid <> pg_backend_pid()`, l.name)
	if err != nil {
		return fmt.Errorf("end the former connection: %w", err)
	}
	return nil
}

// get is the connection, made now if there is none.
func (l *link) get(ctx context.Context) (*pgx.Conn, error) {
	// One that has rested may be dead without our knowing. Better to learn that before
	// something is sent whose outcome would then be unknown.
	if l.conn != nil && time.Since(l.used) > time.Second && ping(ctx, l.conn) != nil {
		l.drop()
	}
	l.used = time.Now()
	if l.conn != nil && !l.conn.IsClosed() {
		return l.conn, nil
	}
	conn, err := connect(ctx, l.address, l.name)
	if err != nil {
		return nil, err
	}
	if !l.pooled {
		if _, err := conn.Exec(ctx, settingsSQL, false); err != nil {
			hangUp(ctx, conn)
			return nil, fmt.Errorf("set up the connection: %w", err)
		}
	}
	// That a pooler takes a call says nothing of the database.
	if err := l.answers(ctx, conn); err != nil {
		hangUp(ctx, conn)
		return nil, err
	}
	l.conn = conn
	return conn, nil
}

// answers makes sure that the database is there behind a pooler.
func (l *link) answers(ctx context.Context, conn *pgx.Conn) error {
	if !l.pooled {
		return nil
	}
	if err := ping(ctx, conn); err != nil {
		return fmt.Errorf("reach the database behind the pooler: %w", err)
	}
	return nil
}

func ping(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return conn.Ping(ctx)
}

// settingsSQL prepares a session, or a transaction, for our statements, whose shape is known: always by index, planned once.
const settingsSQL = `SELECT set_config('jit', 'off', $1), set_config('enable_seqscan', 'off', $1), set_config('enable_hashjoin', 'off', $1),
	set_config('enable_mergejoin', 'off', $1), set_config('plan_cache_mode', 'force_generic_plan', $1)`

// row executes a statement that returns one row, with our settings.
func (l *link) row(ctx context.Context, sql string, arguments, results []any) error {
	if !l.pooled {
		return l.conn.QueryRow(ctx, sql, arguments...).Scan(results...)
	}
	// Both go in one message and are one transaction, in whatever session.
	var batch pgx.Batch
	batch.Queue(settingsSQL, true)
	batch.Queue(sql, arguments...)
	answers := l.conn.SendBatch(ctx, &batch)
	_, err := answers.Exec()
	if err == nil {
		err = answers.QueryRow().Scan(results...)
	}
	// Whether it is committed is known at the end.
	if end := answers.Close(); err == nil {
		err = end
	}
	return err
}

// drop closes the connection.
func (l *link) drop() {
	if l.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = l.conn.Close(ctx)
	l.conn = nil
}

// connect opens a connection that the database knows by name.
func connect(ctx context.Context, a address, name string) (*pgx.Conn, error) {
	config, err := a.config()
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["application_name"] = name
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	if a.pooled {
		return conn, nil
	}
	if err := withoutJIT(ctx, conn); err != nil {
		hangUp(ctx, conn)
		return nil, fmt.Errorf("set up the connection: %w", err)
	}
	return conn, nil
}

// hangUp closes a connection, even when ctx has ended.
func hangUp(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}
