// Package yardstick is what our figures are measured against: the plainest statements
// on a table of plain rows, in the database that the store is in. A figure without it says
// more about the disk of the day than about us.
package yardstick

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Rows is a table of rows of one size, and a connection for each of those who use it.
// Each client's calls come one at a time.
type Rows struct {
	size  int
	conns []*pgx.Conn
}

// Open connects clients, each to a row of its own. The table is made anew.
func Open(ctx context.Context, dsn string, clients, size int) (r *Rows, err error) {
	r = &Rows{size: size}
	defer func() {
		if err != nil {
			r.Close()
		}
	}()
	for range clients {
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return nil, fmt.Errorf("connect the yardstick: %w", err)
		}
		r.conns = append(r.conns, conn)
	}
	return r, r.fill(ctx, clients)
}

func (r *Rows) fill(ctx context.Context, rows int) error {
	_, err := r.conns[0].Exec(ctx, `DROP TABLE IF EXISTS yardstick; CREATE TABLE yardstick (id int PRIMARY KEY, data text) WITH (fillfactor = 70)`)
	if err == nil {
		_, err = r.conns[0].Exec(ctx, `INSERT INTO yardstick SELECT n, $2 FROM generate_series(0, $1 - 1) n`, rows, r.text(0))
	}
	if err != nil {
		return fmt.Errorf("make the yardstick's table: %w", err)
	}
	return nil
}

// text is a value of the rows' size that says n.
func (r *Rows) text(n int) string {
	return fmt.Sprintf("%08d", n) + strings.Repeat("x", max(0, r.size-8))
}

// Update changes the row of a client, in a transaction of its own.
func (r *Rows) Update(ctx context.Context, client, n int) error {
	_, err := r.conns[client].Exec(ctx, `UPDATE yardstick SET data = $2 WHERE id = $1`, client, r.text(n))
	return err
}

// Close ends the connections.
func (r *Rows) Close() {
	for _, conn := range r.conns {
		_ = conn.Close(context.Background())
	}
}

// ReadObjects reads every row that the store has of a kind, as bytes alone, in the order of
// its key: it is the least that a list can cost. It returns how many there are.
func ReadObjects(ctx context.Context, dsn, kind string) (int, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return 0, fmt.Errorf("connect the yardstick: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, `SELECT name, data FROM objects WHERE kind = $1 ORDER BY ns, name`, kind)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
	}
	return n, rows.Err()
}

// Database makes an empty database on the server of a DSN; drop removes it, whoever is still connected.
func Database(ctx context.Context, dsn, name string) (within string, drop func() error, err error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return "", nil, fmt.Errorf("database %s: %w", name, err)
	}
	if err := execute(ctx, dsn, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", nil, err
	}
	query := u.Query()
	query.Set("dbname", name)
	u.RawQuery = query.Encode()
	return u.String(), func() error {
		return execute(context.WithoutCancel(ctx), dsn, "DROP DATABASE "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)")
	}, nil
}

func execute(ctx context.Context, dsn, statement string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("connect the yardstick: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
