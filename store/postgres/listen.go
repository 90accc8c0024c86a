package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/powernode/powernode/api/failpoint"
)

// listener hears what the servers tell each other by NOTIFY. A message is only a
// nudge: what it speaks of lies in the tables, and whoever missed it looks there.
type listener struct {
	address
	channel, name string
	log           *slog.Logger
	heard         func(message string)
	connected     func() // after each connect
	pulse         *pulse // what we say at times
	up            atomic.Bool
}

// run listens until ctx ends, and connects again when the connection is lost.
func (l *listener) run(ctx context.Context) {
	for delay := time.Duration(0); ctx.Err() == nil; {
		began := time.Now()
		err := l.session(ctx)
		l.up.Store(false)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > 5*time.Second {
			delay = 0
		}
		if delay == 0 {
			l.log.Warn("not listening for changes of other servers", "error", err)
		}
		delay = min(max(2*delay, 50*time.Millisecond), 2*time.Second)
		_ = wait(ctx, delay/2+rand.N(delay))
	}
}

// session listens on one connection until it is lost.
func (l *listener) session(ctx context.Context) error {
	conn, err := connect(ctx, l.address, l.name)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{l.channel}.Sanitize()); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	l.up.Store(true)
	l.connected()
	for {
		message, err := l.next(ctx, conn)
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		failpoint.At("listen.after")
		l.heard(message.Payload)
	}
}

// next waits for a message, and beats when it is time. Whoever begins to need beats
// sends a message first, which is when we learn of it.
func (l *listener) next(ctx context.Context, conn *pgx.Conn) (*pgconn.Notification, error) {
	for {
		in, needed := l.pulse.due(time.Now())
		if !needed {
			return conn.WaitForNotification(ctx)
		}
		if in <= 0 {
			if err := l.beat(ctx, conn); err != nil {
				return nil, err
			}
			continue
		}
		waiting, cancel := context.WithTimeout(ctx, in)
		message, err := conn.WaitForNotification(waiting)
		timedOut := waiting.Err() != nil && ctx.Err() == nil && !conn.IsClosed()
		cancel()
		if err == nil || !timedOut {
			return message, err
		}
	}
}

// beatTimeout is how long a beat may take before the connection is given up.
const beatTimeout = 3 * time.Second

// beat says of each member here that it lives, on the connection that hears it: who is cut off is not heard.
func (l *listener) beat(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	_, err := conn.Exec(ctx, `SELECT pg_notify($1, beat) FROM unnest($2::text[]) AS beat`, l.channel, l.pulse.beats(time.Now()))
	return err
}
