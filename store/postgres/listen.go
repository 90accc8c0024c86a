package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// listener hears what the servers tell each other by NOTIFY. A message is only a
// nudge: what it speaks of lies in the tables, and whoever missed it looks there.
type listener struct {
	dsn, channel, name string
	log                *slog.Logger
	heard              func(message string)
	connected          func() // after each connect
	up                 atomic.Bool
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
	conn, err := connect(ctx, l.dsn, l.name)
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
		message, err := conn.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		l.heard(message.Payload)
	}
}
