package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// pruner drops the versions of objects that have been gone for long.
type pruner struct {
	pool *pgxpool.Pool
	keep time.Duration
	log  *slog.Logger
}

// run looks every hour until ctx ends.
func (p *pruner) run(ctx context.Context) {
	for wait(ctx, lookOld/2+rand.N(lookOld)) == nil {
		if err := p.prune(ctx); err != nil && ctx.Err() == nil {
			p.log.Warn("old versions are not pruned", "error", err)
		}
	}
}

// prune notes which versions have lost their object since the last look, and drops
// those that lost it long enough ago, some at a time.
func (p *pruner) prune(ctx context.Context) error {
	for _, step := range []struct {
		statement string
		args      []any
	}{
		{`UPDATE versions SET gone_at = now() WHERE (kind, ns, name, rev) IN (
			SELECT kind, ns, name, rev FROM versions v WHERE gone_at IS NULL AND NOT EXISTS (
				SELECT FROM objects o WHERE o.kind = v.kind AND o.ns = v.ns AND o.name = v.name AND o.uid = v.uid)
			LIMIT 1000)`, nil},
		{`DELETE FROM versions WHERE (kind, ns, name, rev) IN (
			SELECT kind, ns, name, rev FROM versions WHERE gone_at < now() - $1::interval LIMIT 1000)`, []any{p.keep}},
	} {
		for more := true; more; {
			tag, err := p.pool.Exec(ctx, step.statement, step.args...)
			if err != nil {
				return fmt.Errorf("prune versions: %w", err)
			}
			more = tag.RowsAffected() > 0
		}
	}
	return nil
}
