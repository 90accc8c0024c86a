package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

// electTime is how often a server that wants to lead asks for the lock.
const electTime = time.Second

// Exclusive runs f while no other server on this schema runs one of the same name, and
// returns its error. The lock lies in a connection: when that is lost, f's ctx is cancelled with
// it, and once f has returned the lock is sought anew, until ctx ends.
func (s *Store) Exclusive(ctx context.Context, name string, f func(ctx context.Context) error) error {
	for ctx.Err() == nil {
		conn, err := s.elect(ctx, name)
		if err != nil {
			if ctx.Err() == nil {
				s.config.Log.Warn("cannot ask for the lock", "name", name, "error", err)
			}
			_ = wait(ctx, electTime/2+rand.N(electTime))
			continue
		}
		lost, err := hold(ctx, conn, f)
		if !lost {
			return err
		}
		s.config.Log.Warn("lost the lock", "name", name)
	}
	return ctx.Err()
}

// elect asks for the lock until it is ours. It does not wait in the database, where a
// waiting statement would keep old rows from being cleaned up.
func (s *Store) elect(ctx context.Context, name string) (*pgx.Conn, error) {
	conn, err := connect(ctx, address{dsn: s.config.ListenDSN}, s.id+" lock")
	if err != nil {
		return nil, err
	}
	for {
		var got bool
		err = conn.QueryRow(ctx, `SELECT pg_try_advisory_lock(hashtext($1), hashtext($2))`, "powernode "+name, s.channel).Scan(&got)
		if err == nil && got {
			return conn, nil
		}
		if err == nil {
			err = wait(ctx, electTime/2+rand.N(electTime))
		}
		if err != nil {
			hangUp(ctx, conn)
			return nil, fmt.Errorf("ask for the lock %s: %w", name, err)
		}
	}
}

// hold runs f as long as the connection lives; lost says that it did not.
func hold(ctx context.Context, conn *pgx.Conn, f func(ctx context.Context) error) (lost bool, err error) {
	held, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f(held) }()
	broken := make(chan struct{})
	watching, stop := context.WithCancel(ctx)
	go func() {
		defer close(broken)
		for {
			if _, err := conn.WaitForNotification(watching); err != nil {
				return
			}
		}
	}()
	select {
	case err = <-done:
	case <-broken:
		cancel()
		err = <-done
		lost = ctx.Err() == nil
	}
	stop()
	<-broken
	hangUp(ctx, conn)
	return lost, err
}

// hangUp closes a connection, even when ctx has ended.
func hangUp(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}
