package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Admin changes the tables of a database as a whole. Close it after use.
type Admin struct{ conn *pgx.Conn }

// Connect connects to a database, and changes nothing.
func Connect(ctx context.Context, dsn string) (*Admin, error) {
	conn, _, err := connectSchema(ctx, dsn)
	if err != nil {
		return nil, err
	}
	return &Admin{conn}, nil
}

// Close ends the connection.
func (a *Admin) Close() { hangUp(context.Background(), a.conn) }

// Steps is SchemaSteps.
func (a *Admin) Steps(ctx context.Context) (Steps, error) { return SchemaSteps(ctx, a.conn) }

// Migrate is Migrate on this connection.
func (a *Admin) Migrate(ctx context.Context) (taken []string, err error) { return Migrate(ctx, a.conn) }

// Rollback is Rollback on this connection.
func (a *Admin) Rollback(ctx context.Context, to int) (taken []string, err error) {
	return Rollback(ctx, a.conn, to)
}

// Reset is Reset on this connection.
func (a *Admin) Reset(ctx context.Context, meant bool) (Contents, error) {
	return Reset(ctx, a.conn, meant)
}
