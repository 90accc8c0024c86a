package reconcile

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/powernode/powernode/store"
)

func TestNothingBeginsInASlotThatIsNotOurs(t *testing.T) {
	s := newSlots()
	s.resume(t.Context(), "m")
	if s.begin(1) != nil {
		t.Error("a pass began before the slot was gained")
	}
	s.gain([]int{1})
	first := s.begin(1)
	if first == nil || first.member != "m" {
		t.Fatalf("no pass begins in our slot: %v", first)
	}
	if empty := s.quit([]int{1}); len(empty) != 0 {
		t.Error("a slot is empty in which a pass goes on")
	}
	if s.begin(1) != nil {
		t.Error("a pass began after the slot was given up")
	}
	if first.ctx.Err() != nil {
		t.Error("a pass was not left to end by itself")
	}
	s.end(1)
	<-s.emptied
	if empty := s.quit([]int{1}); !empty[1] {
		t.Error("the slot is not empty after the last pass")
	}
}

func TestAPassThatIsDueInAPauseBeginsAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots()
		s.gain([]int{1, 2})
		var begun [4]*tenure
		go func() { begun[1] = s.begin(1) }()
		go func() { begun[2] = s.begin(2) }()
		synctest.Wait()
		if begun[1] != nil || begun[2] != nil {
			t.Error("a pass began in a pause")
		}
		s.quit([]int{2})
		s.resume(t.Context(), "m")
		synctest.Wait()
		if begun[1] == nil || begun[2] != nil {
			t.Errorf("after the pause began %v in our slot, %v in the other", begun[1], begun[2])
		}
		s.pause()
		if begun[1].ctx.Err() == nil {
			t.Error("the next pause did not end the pass")
		}
		go func() { begun[3] = s.begin(1) }()
		synctest.Wait()
		s.close()
		synctest.Wait()
		if begun[3] != nil {
			t.Error("a pass began after the end")
		}
	})
}

func TestADutyEndsWithItsSlot(t *testing.T) {
	for name, end := range map[string]func(*slots){
		"given up": func(s *slots) { s.quit([]int{1}) },
		"paused":   (*slots).pause,
		"closed":   (*slots).close,
	} {
		s := newSlots()
		s.resume(t.Context(), "m")
		s.gain([]int{1})
		duty := s.beginDuty(1)
		end(s)
		if duty.ctx.Err() == nil {
			t.Errorf("%s: the duty goes on", name)
		}
		s.end(1)
	}
}

// The slots of as few keys as one of ten servers has are spread well enough.
func TestKeysAreSpreadOverTheSlots(t *testing.T) {
	const keys = 10_000
	var count [store.Slots]int
	for i := range keys {
		count[slotOf(fmt.Sprintf("DockerHost.powernode.io object default/host-%d", i))]++
	}
	tenth := 0
	for _, n := range count[:store.Slots/10] {
		tenth += n
	}
	if tenth < keys/10*8/10 || tenth > keys/10*12/10 {
		t.Errorf("a tenth of the slots has %d of %d keys", tenth, keys)
	}
}
