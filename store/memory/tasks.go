package memory

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/runner"
	"github.com/powernode/powernode/store"
)

var _ store.Tasks = (*Tasks)(nil)

// Tasks is a store.Tasks in memory.
type Tasks struct {
	// LeaseTime is how long a lease lasts; runner.LeaseTime when 0. Set it before use.
	LeaseTime time.Duration

	mu    sync.Mutex
	tasks []*task // in the order they were offered
	heard store.Heard
	moved store.Bell
	watch map[*watch]struct{}
}

// task is a state and what only the queue knows of it.
type task struct {
	runner.TaskState
	until time.Time // end of the lease
}

// watch collects the owners that one call of Changes has to tell.
type watch struct {
	owners []api.Key
	bell   store.Bell
}

// Offer implements store.Tasks.
func (t *Tasks) Offer(_ context.Context, offered runner.Task) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.find(offered.ID) != nil {
		return nil
	}
	state := runner.TaskState{Task: offered, Phase: runner.TaskOffered, OfferedAt: time.Now()}
	state.Labels, state.Payload = slices.Clone(offered.Labels), bytes.Clone(offered.Payload)
	t.tasks = append(t.tasks, &task{TaskState: state})
	t.changed(offered.Owner)
	return nil
}

// Of implements store.Tasks.
func (t *Tasks) Of(_ context.Context, ownerUID string) ([]runner.TaskState, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(time.Now())
	var of []runner.TaskState
	for _, task := range t.tasks {
		if task.OwnerUID == ownerUID {
			state := task.TaskState
			state.Token = ""
			of = append(of, state)
		}
	}
	return of, nil
}

// Cancel implements store.Tasks.
func (t *Tasks) Cancel(_ context.Context, ownerUID string, ids ...string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, task := range t.tasks {
		named := len(ids) == 0 || slices.Contains(ids, task.ID)
		if task.OwnerUID != ownerUID || !named || task.Cancelled || task.Phase == runner.TaskFinished {
			continue
		}
		task.Cancelled = true
		if task.Phase == runner.TaskOffered {
			task.end(time.Now(), nil)
		}
		t.changed(task.Owner)
	}
	return nil
}

// Drop implements store.Tasks.
func (t *Tasks) Drop(_ context.Context, ownerUID string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tasks = slices.DeleteFunc(t.tasks, func(task *task) bool { return task.OwnerUID == ownerUID })
	t.moved.Ring()
	return nil
}

// Changes implements store.Tasks.
func (t *Tasks) Changes(ctx context.Context, changed func(owner api.Key)) error {
	w := t.open()
	defer t.close(w)
	for {
		bell := w.bell.Next()
		t.mu.Lock()
		owners := w.owners
		w.owners = nil
		t.mu.Unlock()
		for _, owner := range owners {
			changed(owner)
		}
		// The look in between finds the leases that ran out while nobody asked.
		if err := pause(ctx, bell, t.leaseTime()/3); err != nil {
			return err
		}
		t.mu.Lock()
		t.expire(time.Now())
		t.mu.Unlock()
	}
}

func (t *Tasks) leaseTime() time.Duration {
	if t.LeaseTime == 0 {
		return runner.LeaseTime
	}
	return t.LeaseTime
}

// open starts with the owners of all unfinished tasks.
func (t *Tasks) open() *watch {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := &watch{}
	for _, task := range t.tasks {
		if task.Phase != runner.TaskFinished && !slices.Contains(w.owners, task.Owner) {
			w.owners = append(w.owners, task.Owner)
		}
	}
	if t.watch == nil {
		t.watch = map[*watch]struct{}{}
	}
	t.watch[w] = struct{}{}
	return w
}

func (t *Tasks) close(w *watch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.watch, w)
}

// changed tells everybody; the caller holds mu.
func (t *Tasks) changed(owner api.Key) {
	for w := range t.watch {
		if !slices.Contains(w.owners, owner) {
			w.owners = append(w.owners, owner)
		}
		w.bell.Ring()
	}
	t.moved.Ring()
}

func (t *Tasks) find(id string) *task {
	i := slices.IndexFunc(t.tasks, func(task *task) bool { return task.ID == id })
	if i < 0 {
		return nil
	}
	return t.tasks[i]
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
