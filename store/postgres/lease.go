package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/runner"
)

// Lease implements store.Tasks.
func (t *Tasks) Lease(ctx context.Context, claim runner.Claim) (runner.TaskState, error) {
	for {
		moved := t.moved.Next()
		states, err := t.lease(ctx, claim, time.Now())
		switch {
		case len(states) == 1:
			return states[0], nil
		case err != nil && ctx.Err() == nil:
			return runner.TaskState{}, fmt.Errorf("lease a task: %w", away(err))
		}
		// Time alone can free a task: a lease runs out, a preferred runner falls silent.
		if pause(ctx, moved, t.leaseTime/10) != nil {
			return runner.TaskState{}, fmt.Errorf("no task for runner %s: %w", claim.Runner, api.ErrNotFound)
		}
	}
}

// lease takes the oldest task that fits, if there is one; nothing is written when there is none.
func (t *Tasks) lease(ctx context.Context, claim runner.Claim, now time.Time) ([]runner.TaskState, error) {
	t.heard.Note(claim.Runner, now)
	// A lease that was granted to a caller who is gone would only run out: once it is sent, it is seen through.
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTime)
	defer cancel()
	return t.changed(ctx, `
		UPDATE tasks SET phase = 'leased', runner = $1, token = $2, leases = leases + 1, leased_at = $3, lease_until = $4
		WHERE id = (
			SELECT id FROM tasks t
			WHERE phase = 'offered' AND labels <@ $5 AND (NOT docker OR $6)
				AND (prefer IN ('', $1) OR prefer = ANY($7) OR prefer <> ALL($8) AND offered_at < $9 AND NOT EXISTS (
					SELECT FROM tasks l WHERE l.phase = 'leased' AND l.runner = t.prefer))
			ORDER BY seq LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING *`,
		claim.Runner, uuid.NewString(), now, now.Add(t.leaseTime),
		append([]string{}, claim.Labels...), claim.Docker, t.heard.Silent(now), t.heard.Recent(now), t.heard.Unknown(now))
}

// Renew implements store.Tasks.
func (t *Tasks) Renew(ctx context.Context, id, token string, wait time.Duration) (runner.TaskState, error) {
	end := time.Now().Add(wait)
	for {
		moved := t.moved.Next()
		state, err := t.extend(ctx, id, token)
		if err != nil || state.Cancelled {
			return state, err
		}
		again := min(time.Until(end), t.leaseTime/3)
		if state, err = t.watchLease(ctx, state, moved, time.Now().Add(again)); err != nil || state.Cancelled {
			return state, err
		}
		if time.Until(end) <= 0 || ctx.Err() != nil {
			return state, nil
		}
	}
}

// watchLease waits until a lease is cancelled or lost, or a time has come, writing nothing.
func (t *Tasks) watchLease(ctx context.Context, state runner.TaskState, moved <-chan struct{}, until time.Time) (runner.TaskState, error) {
	for {
		left := time.Until(until)
		if left <= 0 || pause(ctx, moved, left) != nil {
			return state, nil
		}
		t.heard.Note(state.Runner, time.Now())
		moved = t.moved.Next()
		now, err := t.Holder(ctx, state.ID, state.Token)
		if err != nil || now.Cancelled {
			return now, err
		}
	}
}

// extend moves the end of a lease; that is not told to anybody.
func (t *Tasks) extend(ctx context.Context, id, token string) (runner.TaskState, error) {
	return t.held(ctx, id, token, `
		UPDATE tasks SET lease_until = $3 WHERE id = $1 AND token = $2 AND phase = 'leased' RETURNING `+taskColumns,
		time.Now().Add(t.leaseTime))
}

// Holder implements store.Tasks.
func (t *Tasks) Holder(ctx context.Context, id, token string) (runner.TaskState, error) {
	return t.held(ctx, id, token, `SELECT `+taskColumns+` FROM tasks WHERE id = $1 AND token = $2 AND phase = 'leased'`)
}

// held is the one task that a statement finds under an id and a token.
func (t *Tasks) held(ctx context.Context, id, token, statement string, args ...any) (runner.TaskState, error) {
	rows, err := t.pool.Query(ctx, statement, append([]any{id, token}, args...)...)
	if err != nil {
		return runner.TaskState{}, fmt.Errorf("task %s: %w", id, away(err))
	}
	state, err := pgx.CollectOneRow(rows, func(row pgx.CollectableRow) (runner.TaskState, error) { return scanTask(row) })
	if errors.Is(err, pgx.ErrNoRows) {
		return state, t.notHeld(ctx, id)
	}
	if err != nil {
		return state, fmt.Errorf("task %s: %w", id, away(err))
	}
	t.heard.Note(state.Runner, time.Now())
	return state, nil
}

// notHeld says why a token is not good for a task.
func (t *Tasks) notHeld(ctx context.Context, id string) error {
	var there bool
	if err := t.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM tasks WHERE id = $1)`, id).Scan(&there); err != nil {
		return fmt.Errorf("task %s: %w", id, away(err))
	}
	if !there {
		return fmt.Errorf("task %s: %w", id, api.ErrNotFound)
	}
	return fmt.Errorf("task %s is not held by this lease: %w", id, api.ErrConflict)
}

// Finish implements store.Tasks.
func (t *Tasks) Finish(ctx context.Context, id, token string, result json.RawMessage) error {
	states, err := t.changed(ctx, `
		UPDATE tasks SET phase = 'finished', ended_at = $3, result = $4
		WHERE id = $1 AND token = $2 AND phase = 'leased' RETURNING *`,
		id, token, time.Now(), []byte(result))
	if err != nil {
		return fmt.Errorf("finish task %s: %w", id, err)
	}
	if len(states) == 1 {
		t.heard.Note(states[0].Runner, time.Now())
		return nil
	}
	var before []byte
	err = t.pool.QueryRow(ctx, `SELECT result FROM tasks WHERE id = $1 AND token = $2 AND phase = 'finished'`, id, token).Scan(&before)
	switch {
	case err == nil && token != "" && api.SameJSON(before, result):
		return nil
	case err == nil || errors.Is(err, pgx.ErrNoRows):
		return t.notHeld(ctx, id)
	}
	return fmt.Errorf("finish task %s: %w", id, err)
}

// pause waits for a bell or some time; its error is ctx's.
func pause(ctx context.Context, bell <-chan struct{}, most time.Duration) error {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-bell:
	case <-timer.C:
	}
	return nil
}
