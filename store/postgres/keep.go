package postgres

import (
	"context"
	"fmt"
	"time"
)

// lookTime is how often Keep looks for a server that was taken over: only a
// child's end is told by the system.
const lookTime = time.Second

// Keep starts the server again whenever it ends, until ctx does, and tells when
// it can't be started any more. Whoever calls Stop ends Keep first and waits for it.
//
// It never makes a new cluster: data that vanished under a running server are an error.
func (p *Private) Keep(ctx context.Context) error {
	for p.untilEnded(ctx) {
		p.log.Warn("the private PostgreSQL has ended; it is started again", "directory", p.home)
		if err := p.restart(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("start the private PostgreSQL in %s again: %w", p.home, err)
		}
	}
	return nil
}

// untilEnded waits for the end of the server; it is false when that of ctx comes first.
func (p *Private) untilEnded(ctx context.Context) bool {
	if p.child == nil {
		for p.running() {
			if wait(ctx, lookTime) != nil {
				return false
			}
		}
		return ctx.Err() == nil
	}
	select {
	case <-p.ended:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// restart leaves either a server that answers or none.
func (p *Private) restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	err := p.start(ctx)
	if err != nil {
		p.quit()
		return err
	}
	p.log.Info("the private PostgreSQL runs again", "directory", p.home)
	return nil
}
