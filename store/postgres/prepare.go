package postgres

import (
	"context"
	"fmt"
	"hash/fnv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// prepare migrates, and returns the schema's channel and how to reach it.
func prepare(ctx context.Context, config Config) (channel string, a address, err error) {
	if a, err = explore(ctx, config.DSN); err != nil {
		return "", a, err
	}
	conn, schema, err := a.connectSchema(ctx)
	if err != nil {
		return "", a, err
	}
	defer hangUp(ctx, conn)
	channel = channelOf(schema)
	if config.Unmigrated {
		return channel, a, refusePending(ctx, conn)
	}
	_, err = Migrate(ctx, conn)
	return channel, a, err
}

// connectSchema connects to a database that has the first schema of the search_path, and names it.
func connectSchema(ctx context.Context, dsn string) (conn *pgx.Conn, schema string, err error) {
	a, err := explore(ctx, dsn)
	if err != nil {
		return nil, "", err
	}
	return a.connectSchema(ctx)
}

func (a address) connectSchema(ctx context.Context) (conn *pgx.Conn, schema string, err error) {
	if conn, err = a.connect(ctx); err != nil {
		return nil, "", err
	}
	var found *string
	if err = conn.QueryRow(ctx, `SELECT current_schema()`).Scan(&found); err != nil {
		err = fmt.Errorf("find the schema: %w", err)
	} else if found == nil {
		err = fmt.Errorf("the database has no schema of its search_path: create it first (pnserver db create --schema)")
	} else {
		return conn, *found, nil
	}
	hangUp(ctx, conn)
	return nil, "", err
}

// channelOf is the NOTIFY channel of a schema, short enough whatever the schema's name.
func channelOf(schema string) string {
	h := fnv.New64a()
	h.Write([]byte(schema))
	return fmt.Sprintf("powernode_%016x", h.Sum64())
}

func openPool(ctx context.Context, a address) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(a.dsn)
	if err != nil {
		return nil, fmt.Errorf("read the database URL: %w", err)
	}
	config.MaxConns = max(config.MaxConns, 8)
	if err := a.adapt(config.ConnConfig); err != nil {
		return nil, err
	}
	if !a.pooled {
		config.AfterConnect = withoutJIT
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return pool, nil
}

// withoutJIT: compiling would cost far more than any of our statements.
func withoutJIT(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `SET jit = off`)
	return err
}
