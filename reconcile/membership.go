package reconcile

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/powernode/powernode/api/failpoint"
	"github.com/powernode/powernode/store"
)

// The delays of a member's dealings with the roster.
const (
	rosterTimeout   = 10 * time.Second
	rosterRetryMost = 5 * time.Second
	leaveTimeout    = 5 * time.Second
)

// membership keeps this process one of those who work on the store, and its slots
// in step with what is its share: it gives back what is another's by assign, after the work there has ended, and
// claims what is its own and free. Each member does so alone; none leads.
type membership struct {
	*engine
	drained chan struct{} // closed when no work goes on any more and none will
}

// run is a member until the engine has drained, and joins again when a membership is lost. It returns the one
// that is left, for the caller to leave; nil when there is none.
func (m *membership) run(ctx, passes context.Context) store.Member {
	if m.allSynced(ctx) != nil { // before that, keys would be owned here and not known
		return nil
	}
	for failures := 0; ctx.Err() == nil; {
		failpoint.At("join.before")
		member, err := m.members.Join(ctx, m.name)
		failpoint.At("join.after")
		if err != nil {
			if failures++; failures == 1 && ctx.Err() == nil {
				m.log.Warn("cannot join those who run controllers; it is tried again", "error", err)
			}
			sleep(ctx, min(backoff(failures), rosterRetryMost))
			continue
		}
		failures = 0
		m.log.Info("joined those who run controllers", "member", member.ID())
		if m.keep(ctx, passes, member) {
			return member
		}
		m.log.Warn("no member any more: the others did not hear of this process for too long", "member", member.ID())
	}
	return nil
}

// keep works as a member until the engine has drained, or, then it is false, the membership is
// lost and nothing goes on in its name any more.
func (m *membership) keep(ctx, passes context.Context, member store.Member) bool {
	var hearing sync.WaitGroup
	stopped := make(chan struct{})
	hearing.Go(func() { m.hear(passes, member, stopped) })
	kept := m.follow(ctx, member)
	close(stopped)
	hearing.Wait()
	if !kept {
		m.lose()
	}
	return kept
}

// hear has the work go on only while the member hears itself. It waits for nothing else, so that
// work is paused in time.
func (m *membership) hear(passes context.Context, member store.Member, stopped <-chan struct{}) {
	for before := false; ; {
		heard, changed := member.Hearing()
		if heard {
			m.slots.resume(passes, member.ID())
		} else {
			m.slots.pause()
		}
		if before && !heard {
			m.log.Warn("does not hear its own beats: controllers pause, as the others may take this process for dead", "member", member.ID())
		}
		before = heard
		m.metrics.hears(heard)
		select {
		case <-changed:
		case <-stopped:
			return
		}
	}
}

// follow keeps our slots in step with the roster until the engine has drained, or the membership is lost.
func (m *membership) follow(ctx context.Context, member store.Member) bool {
	retired := false
	stopping := ctx.Done()
	for failures := 0; ; {
		heard, changed := member.Hearing()
		var retry <-chan time.Time
		switch err := m.settle(ctx, member, heard, &retired); {
		case errors.Is(err, store.ErrFenced):
			return false
		case err != nil:
			if failures++; failures == 1 {
				m.log.Warn("the roster could not be dealt with; it is tried again", "error", err)
			}
			retry = time.After(min(backoff(failures), rosterRetryMost))
		default:
			failures = 0
		}
		select {
		case <-changed:
		case <-m.slots.emptied:
		case <-m.refused:
		case <-retry:
		case <-stopping:
			stopping = nil
		case <-m.drained:
			return true
		}
	}
}

// settle does what is to be done about the roster as it is now; once ctx has ended the member retires
// first. Who does not hear itself claims nothing.
func (m *membership) settle(ctx context.Context, member store.Member, heard bool, retired *bool) error {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), rosterTimeout)
	defer cancel()
	if ctx.Err() != nil && !*retired {
		if err := member.Retire(bounded); err != nil {
			return err
		}
		*retired = true
	}
	for {
		roster, err := member.Roster(bounded)
		if err != nil {
			return err
		}
		m.metrics.members.Set(float64(len(roster.Members)))
		claim, err := m.adjust(bounded, member, roster)
		if err != nil || len(claim) == 0 || !heard {
			return err
		}
		failpoint.At("claim.before")
		if err := failpoint.After("claim.after", member.Claim(bounded, claim)); err != nil {
			return err
		}
	}
}

// adjust takes in the slots that are ours, and gives back those that should not be and in which
// nothing goes on. It returns those that are to be claimed.
func (m *membership) adjust(ctx context.Context, member store.Member, roster store.Roster) (claim []int, err error) {
	var gain, quit []int
	for slot, target := range assign(roster.Members, roster.Owners) {
		switch owner := roster.Owners[slot]; {
		case owner == member.ID() && target == owner:
			gain = append(gain, slot)
		case owner == member.ID():
			quit = append(quit, slot)
		case owner == "" && target == member.ID():
			claim = append(claim, slot)
		}
	}
	m.gain(gain)
	empty := m.slots.quit(quit)
	if len(empty) == 0 {
		return claim, nil
	}
	m.forget(empty)
	m.metrics.handovers.WithLabelValues("released").Add(float64(len(empty)))
	failpoint.At("handover.before")
	return claim, failpoint.After("handover.after", member.Release(ctx, slices.Collect(maps.Keys(empty))))
}

// lose ends all work, waits for its end, and forgets what was ours.
func (m *membership) lose() {
	m.metrics.handovers.WithLabelValues("lost").Add(float64(m.slots.owned()))
	m.metrics.members.Set(0)
	m.slots.pause()
	for {
		empty := m.slots.quit(allSlots())
		if len(empty) == store.Slots {
			m.forget(empty)
			return
		}
		<-m.slots.emptied
	}
}

// leave ends a membership in which nothing goes on any more.
func (m *membership) leave(member store.Member) {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	failpoint.At("leave.before")
	if err := failpoint.After("leave.after", member.Leave(ctx)); err != nil && !errors.Is(err, store.ErrFenced) {
		m.log.Warn("could not leave those who run controllers; they find out by themselves", "member", member.ID(), "error", err)
	}
}
