package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// subscribers are the open calls of Changes on this server.
type subscribers struct {
	mu   sync.Mutex
	open map[*subscriber]struct{}
}

// subscriber collects what it has to tell; an owner twice is told once.
type subscriber struct {
	owners map[api.Key]struct{}
	reload time.Time // when set: tell also all who may have changed since
	bell   store.Bell
}

// Changes implements store.Tasks.
func (t *Tasks) Changes(ctx context.Context, changed func(owner api.Key)) error {
	s := t.owners.add()
	defer t.owners.remove(s)
	for {
		bell := s.bell.Next()
		owners, reload := t.owners.take(s)
		if !reload.IsZero() {
			unfinished, err := t.unsettled(ctx, reload)
			if err != nil && ctx.Err() == nil {
				t.owners.again(s, reload)
				_ = wait(ctx, time.Second)
				continue
			}
			for _, owner := range unfinished {
				owners[owner] = struct{}{}
			}
		}
		for owner := range owners {
			changed(owner)
		}
		select {
		case <-bell:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// reconnected: what was told while nobody listened is made up for.
func (t *Tasks) reconnected() {
	t.moved.Ring()
	t.owners.missed(time.Now().Add(-time.Minute))
}

// unsettled lists the owners of tasks that are unfinished, or ended after a time.
func (t *Tasks) unsettled(ctx context.Context, since time.Time) ([]api.Key, error) {
	rows, err := t.pool.Query(ctx, `
		SELECT DISTINCT owner_kind, owner_ns, owner_name FROM tasks WHERE phase <> 'finished' OR ended_at > $1`, since)
	if err != nil {
		return nil, fmt.Errorf("list owners of tasks: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (k api.Key, err error) {
		return k, row.Scan(&k.Kind, &k.Namespace, &k.Name)
	})
}

func (s *subscribers) add() *subscriber {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := &subscriber{owners: map[api.Key]struct{}{}, reload: time.Now().Add(-time.Minute)}
	if s.open == nil {
		s.open = map[*subscriber]struct{}{}
	}
	s.open[n] = struct{}{}
	return n
}

func (s *subscribers) remove(n *subscriber) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, n)
}

// take empties a subscriber.
func (s *subscribers) take(n *subscriber) (map[api.Key]struct{}, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	owners, reload := n.owners, n.reload
	n.owners, n.reload = map[api.Key]struct{}{}, time.Time{}
	return owners, reload
}

// again puts a reload back that could not be done.
func (s *subscribers) again(n *subscriber, reload time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.reload.IsZero() || reload.Before(n.reload) {
		n.reload = reload
	}
}

func (s *subscribers) tell(owner api.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := range s.open {
		n.owners[owner] = struct{}{}
		n.bell.Ring()
	}
}

// missed says that something since a time may not have been told.
func (s *subscribers) missed(since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := range s.open {
		if n.reload.IsZero() || since.Before(n.reload) {
			n.reload = since
		}
		n.bell.Ring()
	}
}
