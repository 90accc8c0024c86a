package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/powernode/powernode/api"
)

// away tells an error of a database that was not reached, so that nothing was done, from others.
func away(err error) error {
	var unreached *pgconn.ConnectError
	if errors.As(err, &unreached) || pgconn.SafeToRetry(err) || keptBack(err) {
		return fmt.Errorf("%w: %w", api.ErrUnavailable, err)
	}
	return err
}

// keptBack reports whether a pooler, which holds on to what is sent until the database is there, says that
// it has given up.
func keptBack(err error) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && said.Code == "08P01" &&
		(said.Message == "query_wait_timeout" || strings.HasPrefix(said.Message, "server login ")) // PgBouncer's words
}
