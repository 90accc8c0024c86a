package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/powernode/powernode/store/seal"
)

// learnKeys refuses a backup whose secrets no server could open afterwards.
func (r *restorer) learnKeys(ctx context.Context) error {
	rows, err := keyRows(ctx, r.tx)
	if err != nil || len(rows) == 0 {
		return err
	}
	if r.options.Keys == nil {
		return errors.New("the secrets in the backup are sealed: name the key that they are sealed with")
	}
	s := &sealer{source: r.options.Keys, log: slog.New(slog.DiscardHandler)}
	return s.learn(ctx, rows)
}

// checkSealed refuses when a former key is missing that something is sealed with still.
func (r *restorer) checkSealed(ctx context.Context) error {
	rows, err := keyRows(ctx, r.tx)
	if err != nil || len(rows) == 0 {
		return err
	}
	var wrapped [][]byte
	for _, row := range rows {
		if row.wrapped != nil {
			wrapped = append(wrapped, row.wrapped)
		}
	}
	keys, err := r.options.Keys.Keys(ctx, wrapped)
	if err != nil {
		return err
	}
	ring := seal.NewRing(keys...)
	for _, row := range rows {
		if _, there := ring[row.ID]; there {
			continue
		}
		var n int64
		err := r.tx.QueryRow(ctx, `
			SELECT (SELECT count(*) FROM objects WHERE substring(data FROM 1 FOR 9) = $1) + (SELECT count(*) FROM versions WHERE substring(data FROM 1 FOR 9) = $1)`,
			append([]byte{1}, row.ID[:]...)).Scan(&n)
		if err != nil {
			return fmt.Errorf("count what key %s seals: %w", row.ID, err)
		}
		if n > 0 {
			return fmt.Errorf("%d documents in the backup are sealed with the former key %s, and %v has %s: add that key to it", n, row.ID, r.options.Keys, names(ring))
		}
	}
	return nil
}
