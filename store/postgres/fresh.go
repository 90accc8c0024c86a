package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// freshener reads the counter for all who ask at the same time: each gets an
// answer from a read that began after the question.
type freshener struct {
	pool *pgxpool.Pool
	wake chan struct{}
	done chan struct{} // closed when nobody answers any more

	mu      sync.Mutex
	waiting []chan reading
}

type reading struct {
	revision store.Revision
	err      error
}

// read is the latest revision of the database.
func (f *freshener) read(ctx context.Context) (store.Revision, error) {
	answer := make(chan reading, 1)
	f.mu.Lock()
	f.waiting = append(f.waiting, answer)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
	select {
	case r := <-answer:
		return r.revision, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-f.done:
		return 0, errClosed
	}
}

// run answers until ctx ends.
func (f *freshener) run(ctx context.Context) {
	defer close(f.done)
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		}
		f.round(ctx)
	}
}

func (f *freshener) round(ctx context.Context) {
	f.mu.Lock()
	waiting := f.waiting
	f.waiting = nil
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var r reading
	if err := f.pool.QueryRow(ctx, `SELECT v FROM counter`).Scan(&r.revision); err != nil {
		r.err = fmt.Errorf("read the latest revision: %w: %w", api.ErrUnavailable, err)
	}
	for _, answer := range waiting {
		answer <- r
	}
}
