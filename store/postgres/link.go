package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// link is a connection of its own that is made when it is needed, and again after it was lost.
type link struct {
	dsn, name string
	conn      *pgx.Conn
	used      time.Time // when it was last handed out
}

// lost reports that the connection broke.
func (l *link) lost() bool { return l.conn == nil || l.conn.IsClosed() }

// endFormer ends what is left of our former connections in the database, so that it keeps no lock.
func (l *link) endFormer(ctx context.Context) error {
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
	if l.conn != nil && time.Since(l.used) > time.Second && l.conn.Ping(ctx) != nil {
		l.drop()
	}
	l.used = time.Now()
	if l.conn != nil && !l.conn.IsClosed() {
		return l.conn, nil
	}
	conn, err := connect(ctx, l.dsn, l.name)
	if err != nil {
		return nil, err
	}
	// The shape of our statements is known: always by index, planned once.
	if _, err := conn.Exec(ctx, `SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan`); err != nil {
		_ = conn.Close(ctx)
		return nil, fmt.Errorf("set up the connection: %w", err)
	}
	l.conn = conn
	return conn, nil
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
func connect(ctx context.Context, dsn, name string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("read the database URL: %w", err)
	}
	config.RuntimeParams["application_name"] = name
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	if err := withoutJIT(ctx, conn); err != nil {
		_ = conn.Close(ctx)
		return nil, fmt.Errorf("set up the connection: %w", err)
	}
	return conn, nil
}
