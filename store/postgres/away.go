package postgres

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/powernode/powernode/api"
)

// away tells an error of a database that was not reached, so that nothing was done, from others.
func away(err error) error {
	var unreached *pgconn.ConnectError
	if errors.As(err, &unreached) || pgconn.SafeToRetry(err) {
		return fmt.Errorf("%w: %w", api.ErrUnavailable, err)
	}
	return err
}
