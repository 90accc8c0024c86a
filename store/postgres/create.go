package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// CreateOptions say what Create makes.
type CreateOptions struct {
	// Admin connects as somebody who may make databases and roles; as the role of the database itself when empty.
	Admin  string
	Role   bool // make the role, too
	Schema bool // make the first schema of the search_path, too
}

// Create makes the database that a DSN names, and what else is asked for, each unless it is there. It tells
// what it has made.
func Create(ctx context.Context, dsn string, o CreateOptions) (made []string, err error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("read the database URL: %w", err)
	}
	admin, err := adminConfig(config, o)
	if err != nil {
		return nil, err
	}
	c := &creator{config: config}
	err = c.as(ctx, admin, func(conn *pgx.Conn) error {
		if o.Role {
			if err := c.role(ctx, conn); err != nil {
				return err
			}
		}
		return c.database(ctx, conn, o.Role)
	})
	if err == nil && o.Schema {
		admin.Database = config.Database
		err = c.as(ctx, admin, func(conn *pgx.Conn) error { return c.schema(ctx, conn) })
	}
	return c.made, err
}

// adminConfig is how to connect to make the rest.
func adminConfig(config *pgx.ConnConfig, o CreateOptions) (*pgx.ConnConfig, error) {
	if o.Admin != "" {
		admin, err := pgx.ParseConfig(o.Admin)
		if err != nil {
			return nil, fmt.Errorf("read the administrator's database URL: %w", err)
		}
		return admin, nil
	}
	if o.Role {
		return nil, errors.New("nobody can make the role that they connect as: name somebody who may with --admin-url")
	}
	admin := config.Copy()
	admin.Database = "postgres"
	return admin, nil
}

// creator makes things, unless they are there.
type creator struct {
	config *pgx.ConnConfig
	made   []string
}

func (c *creator) as(ctx context.Context, config *pgx.ConnConfig, f func(conn *pgx.Conn) error) error {
	config = config.Copy()
	delete(config.RuntimeParams, "search_path")
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connect to database %s: %w", config.Database, err)
	}
	defer hangUp(ctx, conn)
	return f(conn)
}

func (c *creator) role(ctx context.Context, conn *pgx.Conn) error {
	statement := `CREATE ROLE ` + quoted([]string{c.config.User}) + ` LOGIN`
	if c.config.Password != "" {
		verifier, err := scramVerifier(c.config.Password)
		if err != nil {
			return err
		}
		statement += ` PASSWORD '` + verifier + `'`
	}
	return c.make(ctx, conn, "role "+c.config.User, statement)
}

// database makes it in UTF-8, and sorted by bytes where the server lets us choose.
func (c *creator) database(ctx context.Context, conn *pgx.Conn, owned bool) error {
	statement := `CREATE DATABASE ` + quoted([]string{c.config.Database}) + ` ENCODING 'UTF8' TEMPLATE template0`
	if owned || c.config.User != conn.Config().User {
		statement += ` OWNER ` + quoted([]string{c.config.User})
	}
	return c.make(ctx, conn, "database "+c.config.Database, statement)
}

func (c *creator) schema(ctx context.Context, conn *pgx.Conn) error {
	first, _, _ := strings.Cut(c.config.RuntimeParams["search_path"], ",")
	name := strings.Trim(strings.TrimSpace(first), `"`)
	if name == "" {
		return errors.New("--schema makes the first schema of the URL's search_path, and it has none: add ?search_path=NAME")
	}
	return c.make(ctx, conn, "schema "+name, `CREATE SCHEMA `+quoted([]string{name})+` AUTHORIZATION `+quoted([]string{c.config.User}))
}

// make executes a statement; that the thing is there already is no error.
func (c *creator) make(ctx context.Context, conn *pgx.Conn, what, statement string) error {
	_, err := conn.Exec(ctx, statement)
	var refused *pgconn.PgError
	switch {
	case err == nil:
		c.made = append(c.made, what)
		return nil
	case !errors.As(err, &refused):
		return fmt.Errorf("create %s: %w", what, err)
	case refused.Code == "42710" || refused.Code == "42P04" || refused.Code == "42P06":
		return nil
	case refused.Code == "42501":
		return fmt.Errorf("create %s: %w: connect as somebody who may with --admin-url", what, err)
	}
	return fmt.Errorf("create %s: %w", what, err)
}
