package reconcile

import (
	"context"
	"hash/fnv"
	"sync"

	"github.com/powernode/powernode/store"
)

// slotOf is the slot that a shard of keys lies in; the same on all members.
func slotOf(shard string) int {
	h := fnv.New64a()
	h.Write([]byte(shard))
	sum := h.Sum64()
	return int((sum ^ sum>>32) % store.Slots)
}

// slots knows which keys this process may work on, and what work is going on. A
// slot is ours from gain to quit; what has begun in it ends later, and only then may the slot be
// given back. Nothing begins while the work is paused.
type slots struct {
	mu      sync.Mutex
	turned  sync.Cond // something may begin that could not, or never will
	ours    [store.Slots]bool
	going   [store.Slots]int // passes and duties that have begun and not ended
	duties  [store.Slots][]context.CancelFunc
	count   int // of ours
	tenure  *tenure
	over    bool          // nothing begins any more
	emptied chan struct{} // told, when a slot that is not ours has no work left
}

// tenure is a time in which work may go on: its context ends with it, and its
// member is what the writes are fenced by.
type tenure struct {
	ctx    context.Context
	cancel context.CancelFunc
	member string
}

func newSlots() *slots {
	s := &slots{emptied: make(chan struct{}, 1)}
	s.turned.L = &s.mu
	return s
}

// resume lets work go on in the name of a member, "" for none; in a tenure that it has it does nothing.
func (s *slots) resume(ctx context.Context, member string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tenure != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	s.tenure = &tenure{ctx, cancel, member}
	s.turned.Broadcast()
}

// pause ends the contexts of all that goes on, and lets nothing begin until resume.
func (s *slots) pause() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tenure != nil {
		s.tenure.cancel()
		s.tenure = nil
	}
}

// close lets nothing begin any more and ends the duties; passes may end by themselves.
func (s *slots) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	for slot := range s.duties {
		s.endDuties(slot)
	}
	s.turned.Broadcast()
}

// endDuties ends the contexts of a slot's duties; the caller holds mu.
func (s *slots) endDuties(slot int) {
	for _, end := range s.duties[slot] {
		end()
	}
}

// owns reports whether a slot is ours.
func (s *slots) owns(slot int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ours[slot]
}

// gain takes slots in, and tells which of them are new.
func (s *slots) gain(list []int) (gained map[int]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gained = map[int]bool{}
	for _, slot := range list {
		if !s.ours[slot] {
			s.ours[slot], gained[slot] = true, true
			s.count++
		}
	}
	s.turned.Broadcast()
	return gained
}

// quit lets nothing begin in slots any more and ends their duties. It tells in which nothing goes on.
func (s *slots) quit(list []int) (empty map[int]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	empty = map[int]bool{}
	for _, slot := range list {
		if s.ours[slot] {
			s.ours[slot] = false
			s.count--
		}
		s.endDuties(slot)
		if s.going[slot] == 0 {
			empty[slot] = true
		}
	}
	s.turned.Broadcast()
	return empty
}

// begin is called before a pass. It waits while the work is paused; nil says that the
// slot is not ours. The caller calls end afterwards.
func (s *slots) begin(slot int) *tenure {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.ours[slot] && s.tenure == nil && !s.over {
		s.turned.Wait()
	}
	if !s.ours[slot] || s.over {
		return nil
	}
	s.going[slot]++
	return s.tenure
}

// beginDuty waits until the slot is ours; nil says that nothing begins any more. The tenure that it
// returns ends with the slot. The caller calls end afterwards.
func (s *slots) beginDuty(slot int) *tenure {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.over && (!s.ours[slot] || s.tenure == nil) {
		s.turned.Wait()
	}
	if s.over {
		return nil
	}
	ctx, cancel := context.WithCancel(s.tenure.ctx)
	s.duties[slot] = append(s.duties[slot], cancel)
	s.going[slot]++
	return &tenure{ctx, cancel, s.tenure.member}
}

func (s *slots) end(slot int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.going[slot]--
	if s.going[slot] == 0 {
		s.duties[slot] = nil
	}
	if s.going[slot] > 0 || s.ours[slot] {
		return
	}
	select {
	case s.emptied <- struct{}{}:
	default:
	}
}

// owned is how many slots are ours.
func (s *slots) owned() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

func allSlots() []int {
	all := make([]int, store.Slots)
	for slot := range all {
		all[slot] = slot
	}
	return all
}
