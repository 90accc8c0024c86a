package memory

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/runner"
)

// Lease implements store.Tasks.
func (t *Tasks) Lease(ctx context.Context, claim runner.Claim) (runner.TaskState, error) {
	for {
		moved := t.moved.Next()
		if state, ok := t.lease(claim, time.Now()); ok {
			return state, nil
		}
		// Time alone can free a task: a lease runs out, a preferred runner falls silent.
		if err := pause(ctx, moved, t.leaseTime()/10); err != nil {
			return runner.TaskState{}, fmt.Errorf("no task for runner %s: %w", claim.Runner, api.ErrNotFound)
		}
	}
}

func (t *Tasks) lease(claim runner.Claim, now time.Time) (runner.TaskState, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heard.LeaseTime = t.LeaseTime
	t.heard.Note(claim.Runner, now)
	t.expire(now)
	for _, task := range t.tasks {
		if task.Phase == runner.TaskOffered && t.fits(task, claim, now) {
			task.Phase, task.Runner, task.Token = runner.TaskLeased, claim.Runner, uuid.NewString()
			task.Leases++
			task.LeasedAt, task.until = now, now.Add(t.leaseTime())
			t.changed(task.Owner)
			return task.TaskState, true
		}
	}
	return runner.TaskState{}, false
}

// fits reports whether the claiming runner may have the task.
func (t *Tasks) fits(task *task, claim runner.Claim, now time.Time) bool {
	if task.Docker && !claim.Docker {
		return false
	}
	for _, label := range task.Labels {
		if !slices.Contains(claim.Labels, label) {
			return false
		}
	}
	if task.Prefer == "" || task.Prefer == claim.Runner || slices.Contains(t.heard.Silent(now), task.Prefer) {
		return true
	}
	return !slices.Contains(t.heard.Recent(now), task.Prefer) && task.OfferedAt.Before(t.heard.Unknown(now))
}

// Renew implements store.Tasks.
func (t *Tasks) Renew(ctx context.Context, id, token string, wait time.Duration) (runner.TaskState, error) {
	end := time.Now().Add(wait)
	for {
		moved := t.moved.Next()
		state, err := t.extend(id, token, time.Now())
		left := time.Until(end)
		if err != nil || state.Cancelled || left <= 0 {
			return state, err
		}
		if err := pause(ctx, moved, min(left, t.leaseTime()/3)); err != nil {
			return state, nil
		}
	}
}

func (t *Tasks) extend(id, token string, now time.Time) (runner.TaskState, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	task, err := t.held(id, token, now)
	if err != nil {
		return runner.TaskState{}, err
	}
	task.until = now.Add(t.leaseTime())
	return task.TaskState, nil
}

// Finish implements store.Tasks.
func (t *Tasks) Finish(_ context.Context, id, token string, result json.RawMessage) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if task := t.find(id); task != nil && task.Phase == runner.TaskFinished && task.Token == token && api.SameJSON(task.Result, result) {
		return nil
	}
	task, err := t.held(id, token, time.Now())
	if err != nil {
		return err
	}
	task.end(time.Now(), bytes.Clone(result))
	t.changed(task.Owner)
	return nil
}

// Holder implements store.Tasks.
func (t *Tasks) Holder(_ context.Context, id, token string) (runner.TaskState, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	task, err := t.held(id, token, time.Now())
	if err != nil {
		return runner.TaskState{}, err
	}
	return task.TaskState, nil
}

// expire takes back the leases that ran out; the caller holds mu.
func (t *Tasks) expire(now time.Time) {
	for _, task := range t.tasks {
		if task.Phase != runner.TaskLeased || now.Before(task.until) {
			continue
		}
		if task.Cancelled {
			task.end(now, nil)
		} else {
			task.Phase, task.Runner = runner.TaskOffered, ""
		}
		task.Token = ""
		t.changed(task.Owner)
	}
}

// held is the unfinished task that token holds; the caller holds mu.
func (t *Tasks) held(id, token string, now time.Time) (*task, error) {
	t.expire(now)
	task := t.find(id)
	if task == nil {
		return nil, fmt.Errorf("task %s: %w", id, api.ErrNotFound)
	}
	if task.Phase != runner.TaskLeased || token == "" || task.Token != token {
		return nil, fmt.Errorf("task %s is not held by this lease: %w", id, api.ErrConflict)
	}
	t.heard.Note(task.Runner, now)
	return task, nil
}

// end finishes a task; its token stays, so that the same report again is known.
func (t *task) end(now time.Time, result json.RawMessage) {
	t.Phase, t.EndedAt, t.Result = runner.TaskFinished, now, result
}
