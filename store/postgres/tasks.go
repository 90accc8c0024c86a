package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/failpoint"
	"github.com/powernode/powernode/api/runner"
	"github.com/powernode/powernode/store"
)

var _ store.Tasks = (*Tasks)(nil)

// Tasks is a store.Tasks in the database. Each state is one row, changed by one
// statement that also tells all servers.
type Tasks struct {
	pool    *pgxpool.Pool
	channel string
	log     *slog.Logger
	// leaseTime is runner.LeaseTime but in tests.
	leaseTime time.Duration
	heard     store.Heard
	moved     store.Bell
	owners    subscribers
}

// taskColumns in the order of scanTask.
const taskColumns = `id, owner_kind, owner_ns, owner_name, owner_uid, labels, docker, prefer, payload,
	phase, runner, token, leases, cancelled, offered_at, leased_at, ended_at, result`

// Offer implements store.Tasks.
func (t *Tasks) Offer(ctx context.Context, task runner.Task) error {
	labels := append([]string{}, task.Labels...)
	return t.change(ctx, "offer task "+task.ID, `
		INSERT INTO tasks (id, owner_kind, owner_ns, owner_name, owner_uid, labels, docker, prefer, payload, offered_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING RETURNING *`,
		task.ID, task.Owner.Kind, task.Owner.Namespace, task.Owner.Name, task.OwnerUID, labels, task.Docker, task.Prefer,
		append([]byte{}, task.Payload...), time.Now())
}

// Of implements store.Tasks.
func (t *Tasks) Of(ctx context.Context, ownerUID string) ([]runner.TaskState, error) {
	rows, err := t.pool.Query(ctx, `SELECT `+taskColumns+` FROM tasks WHERE owner_uid = $1 ORDER BY seq`, ownerUID)
	if err != nil {
		return nil, fmt.Errorf("list tasks of %s: %w", ownerUID, away(err))
	}
	states, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (runner.TaskState, error) {
		state, err := scanTask(row)
		state.Token = ""
		return state, err
	})
	if err != nil {
		return nil, fmt.Errorf("list tasks of %s: %w", ownerUID, away(err))
	}
	return states, nil
}

// Cancel implements store.Tasks.
func (t *Tasks) Cancel(ctx context.Context, ownerUID string, ids ...string) error {
	return t.change(ctx, "cancel tasks of "+ownerUID, `
		UPDATE tasks SET cancelled = true,
			phase = CASE phase WHEN 'offered' THEN 'finished' ELSE phase END,
			ended_at = CASE phase WHEN 'offered' THEN $3::timestamptz END
		WHERE owner_uid = $1 AND (cardinality($2::text[]) = 0 OR id = ANY($2)) AND phase <> 'finished' AND NOT cancelled
		RETURNING *`, ownerUID, append([]string{}, ids...), time.Now())
}

// Drop implements store.Tasks.
func (t *Tasks) Drop(ctx context.Context, ownerUID string) error {
	return t.change(ctx, "drop tasks of "+ownerUID, `DELETE FROM tasks WHERE owner_uid = $1 RETURNING *`, ownerUID)
}

// change executes a statement that returns the rows of tasks that it changed, and tells
// their owners on all servers.
func (t *Tasks) change(ctx context.Context, what, statement string, args ...any) error {
	_, err := t.changed(ctx, statement, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", what, away(err))
	}
	return nil
}

// changed is change that also returns the new states.
func (t *Tasks) changed(ctx context.Context, statement string, args ...any) ([]runner.TaskState, error) {
	if err := failpoint.Hit("task.before"); err != nil {
		return nil, err
	}
	told := fmt.Sprintf(`WITH changed AS (%s) SELECT %s, pg_notify($%d, 't' || json_build_array(owner_kind, owner_ns, owner_name)::text)
		FROM changed`, statement, taskColumns, len(args)+1)
	rows, err := t.pool.Query(ctx, told, append(args, t.channel)...)
	if err != nil {
		return nil, err
	}
	states, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (runner.TaskState, error) { return scanTask(row, nil) })
	for _, state := range states {
		t.tell(state.Owner)
	}
	return states, failpoint.After("task.after", err)
}

// tell wakes whoever waits on this server.
func (t *Tasks) tell(owner api.Key) {
	t.owners.tell(owner)
	t.moved.Ring()
}

// heardOf takes another server's message about an owner.
func (t *Tasks) heardOf(message string) {
	var parts [3]string
	if err := json.Unmarshal([]byte(message), &parts); err == nil {
		t.tell(api.Key{Kind: parts[0], Namespace: parts[1], Name: parts[2]})
	}
}

// scanTask reads taskColumns, and more into the given places.
func scanTask(row pgx.CollectableRow, more ...any) (s runner.TaskState, err error) {
	var leased, ended *time.Time
	var payload, result []byte
	err = row.Scan(append([]any{
		&s.ID, &s.Owner.Kind, &s.Owner.Namespace, &s.Owner.Name, &s.OwnerUID, &s.Labels, &s.Docker, &s.Prefer, &payload,
		&s.Phase, &s.Runner, &s.Token, &s.Leases, &s.Cancelled, &s.OfferedAt, &leased, &ended, &result,
	}, more...)...)
	if len(payload) > 0 {
		s.Payload = payload
	}
	if leased != nil {
		s.LeasedAt = *leased
	}
	if ended != nil {
		s.EndedAt = *ended
	}
	s.Result = result
	return s, err
}
