package reconcile

import (
	"context"
	"time"

	"github.com/powernode/powernode/store"
)

// Duty is work beside the passes that one process at a time does for all: the
// one that owns the slot of its name.
type Duty struct {
	Name string
	// Run works until ctx ends, which it does when another process takes over. What it writes to objects is
	// refused when it comes too late. When it ends before its time it is run again after a while.
	Run func(ctx context.Context, objects store.Store) error
}

// serve does a duty whenever it is ours.
func (e *engine) serve(duty Duty) {
	slot := slotOf("duty " + duty.Name)
	for failures := 1; ; failures++ {
		tenure := e.slots.beginDuty(slot)
		if tenure == nil {
			return
		}
		began := time.Now()
		err := duty.Run(tenure.ctx, e.storeOf(tenure))
		early := tenure.ctx.Err() == nil
		if early {
			if time.Since(began) > backoffMost {
				failures = 1
			}
			e.log.Warn("a duty ended before its time; it is begun again", "duty", duty.Name, "error", err)
			sleep(tenure.ctx, backoff(failures))
		} else {
			failures = 0
		}
		tenure.cancel()
		e.slots.end(slot)
	}
}
