package postgres

import (
	"context"
	"sync/atomic"
	"time"
)

// expireLeases gives the tasks back whose lease has run out, until ctx ends. A
// cancelled one is over with that.
//
// Nobody could renew while no server ran or the database was away: after such a time every
// holder has a full runner.LeaseTime to come back before its lease may end.
func (t *Tasks) expireLeases(ctx context.Context) {
	var since atomic.Pointer[time.Time]
	begin := func() {
		now := time.Now()
		since.Store(&now)
		t.heard.Reset(now)
	}
	begin()
	for lost := false; wait(ctx, t.leaseTime/10) == nil; {
		// Looked at before the update, so that an outage in between is noticed.
		if err := t.pool.Ping(ctx); err != nil {
			lost = true
			continue
		}
		if lost {
			lost = false
			begin()
			continue
		}
		if time.Since(*since.Load()) < t.leaseTime {
			continue
		}
		if err := t.giveBack(ctx, time.Now()); err != nil {
			lost = true
		}
	}
}

func (t *Tasks) giveBack(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, commitTime)
	defer cancel()
	return t.change(ctx, "give back tasks", `
		UPDATE tasks SET token = '',
			phase = CASE WHEN cancelled THEN 'finished' ELSE 'offered' END,
			runner = CASE WHEN cancelled THEN runner ELSE '' END,
			ended_at = CASE WHEN cancelled THEN $1::timestamptz END
		WHERE phase = 'leased' AND lease_until < $1 RETURNING *`, now)
}
