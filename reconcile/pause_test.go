package reconcile_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/store"
)

// While the work of a member is paused keys stay in line: they are not taken for slow, and
// all are worked on at once when it goes on.
func TestAPauseLeavesTheKeysInLine(t *testing.T) {
	inFakeTime(t, func(t *testing.T) {
		const many = 200
		at, most := 0, 0
		f := newFleet(t, func(p *process) []reconcile.Kind {
			return widgets(funcs{reconcile: func(context.Context, *object) (reconcile.Result, error) {
				p.fleet.mu.Lock()
				at++
				most = max(most, at)
				p.fleet.mu.Unlock()
				time.Sleep(10 * time.Millisecond)
				p.fleet.mu.Lock()
				at--
				p.fleet.mu.Unlock()
				return reconcile.Done, nil
			}})
		})
		one := f.start("one")
		f.make(many)
		elapse(time.Minute)
		one.hush()
		elapse(store.SilencePauses)
		for i := range many {
			f.resize(i, 2)
		}
		elapse(store.SilenceEnds - store.SilencePauses - time.Second)
		equal(t, "worked on in the pause", fmt.Sprint(len(f.lacking(many))), fmt.Sprint(many))
		most = 0
		f.members.Hear(one.member.ID())
		elapse(time.Second)
		equal(t, "left to do", len(f.lacking(many)), 0)
		if most > 8+1 { // one had been taken before it was to wait
			t.Errorf("%d passes at once after the pause", most)
		}
	})
}
