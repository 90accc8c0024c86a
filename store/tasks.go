package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/runner"
)

// Tasks is the queue between the controllers, who offer steps of runs, and the
// runners, who lease, work and report. A task is leased by at most one runner at
// a time, by a token that fences late reports; it is finished once.
//
// The states of a task: offered → leased → finished. A lease that is not renewed
// falls back to offered; a cancelled task that nobody holds is finished at once with Cancelled, one
// that is leased is finished by its runner (or when its lease runs out).
type Tasks interface {
	// Offer adds a task; offering an ID that is there changes nothing.
	Offer(ctx context.Context, task runner.Task) error
	// Of lists the tasks of an owner in the order they were offered, finished ones included.
	Of(ctx context.Context, ownerUID string) ([]runner.TaskState, error)
	// Cancel asks for the end of the owner's unfinished tasks: those named, or all.
	Cancel(ctx context.Context, ownerUID string, ids ...string) error
	// Drop forgets all tasks of an owner; a runner that still holds one loses its lease.
	Drop(ctx context.Context, ownerUID string) error

	// Lease hands over the oldest offered task that the runner can do, waiting for
	// one until ctx ends (then ErrNotFound).
	Lease(ctx context.Context, claim runner.Claim) (runner.TaskState, error)
	// Renew extends a lease and returns at once when the task is to be cancelled,
	// else when wait is over. ErrNotFound or ErrConflict: the lease is lost, stop working.
	Renew(ctx context.Context, id, token string, wait time.Duration) (runner.TaskState, error)
	// Finish records the result, once. The same token and result again is no error; a
	// foreign token is ErrConflict.
	Finish(ctx context.Context, id, token string, result json.RawMessage) error
	// Holder checks that token holds the unfinished task id, and returns it.
	Holder(ctx context.Context, id, token string) (runner.TaskState, error)

	// Changes calls changed with the owner of each task whose state moved, on any
	// server, until ctx ends. It may call too often and, after a lost connection, calls for every owner with
	// unfinished tasks.
	Changes(ctx context.Context, changed func(owner api.Key)) error
}
