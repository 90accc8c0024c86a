package reconcile

import (
	"fmt"
	"math/bits"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawAssignment draws members and owners: some slots are free, some belong to members that are gone.
func drawAssignment(t *rapid.T) (members, owners []string) {
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	members = rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID[string]).Draw(t, "members")
	owner := rapid.SampledFrom(append([]string{""}, names...))
	if rapid.Bool().Draw(t, "lopsided") {
		owner = rapid.SampledFrom([]string{"a", "a", "a", "b", ""})
	}
	return members, rapid.SliceOfN(owner, 0, 40).Draw(t, "owners")
}

func TestEverySlotHasALiveOwnerAndAllHaveTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members, owners := drawAssignment(t)
		target := assign(members, owners)
		if len(target) != len(owners) {
			t.Fatalf("%d slots became %d", len(owners), len(target))
		}
		has := countOf(target)
		if len(members) == 0 {
			if has[""] != len(owners) {
				t.Fatalf("nobody is there, but slots have owners: %v", target)
			}
			return
		}
		least, most, all := len(owners), 0, 0
		for _, member := range members {
			least, most, all = min(least, has[member]), max(most, has[member]), all+has[member]
		}
		if all != len(owners) || most-least > 1 {
			t.Fatalf("members %v of %v: from %d to %d slots, %d of %d in all", members, target, least, most, all, len(owners))
		}
	})
}

func TestNoMoreSlotsMoveThanMust(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members, owners := drawAssignment(t)
		moves := 0
		for slot, now := range assign(members, owners) {
			if owners[slot] != now && slices.Contains(members, owners[slot]) {
				moves++
			}
		}
		if least := leastMoves(members, owners); moves != least {
			t.Fatalf("%d moves where %d do", moves, least)
		}
	})
}

// leastMoves tries every way to say which members have the one slot more than others.
func leastMoves(members, owners []string) int {
	if len(members) == 0 {
		return 0
	}
	has, least := countOf(owners), len(owners)
	each, over := len(owners)/len(members), len(owners)%len(members)
	for chosen := range uint(1) << len(members) {
		if bits.OnesCount(chosen) != over {
			continue
		}
		moves := 0
		for i, member := range members {
			moves += max(0, has[member]-each-int(chosen>>i&1))
		}
		least = min(least, moves)
	}
	return least
}

func TestAssignmentIsTheSameForAllMembersAndStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members, owners := drawAssignment(t)
		target := assign(members, owners)
		mixed := append(rapid.Permutation(members).Draw(t, "mixed"), members...) // and some told twice
		if other := assign(mixed, owners); !slices.Equal(target, other) {
			t.Fatalf("%v and %v for members in another order", target, other)
		}
		if again := assign(members, target); !slices.Equal(target, again) {
			t.Fatalf("%v becomes %v", target, again)
		}
	})
}

// Members act at different moments: whatever part of a result has been done, the rest of it stays as it was.
func TestAPartOfTheWayDoesNotChangeTheEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members, owners := drawAssignment(t)
		target := assign(members, owners)
		partly := slices.Clone(owners)
		for slot := range partly {
			switch steps := rapid.IntRange(0, 2).Draw(t, "steps"); {
			case partly[slot] == target[slot]:
			case steps == 2:
				partly[slot] = target[slot]
			case steps == 1:
				partly[slot] = ""
			}
		}
		if later := assign(members, partly); !slices.Equal(target, later) {
			t.Fatalf("on the way from %v to %v, at %v, the end is %v", owners, target, partly, later)
		}
	})
}

func TestMembersActingAloneComeToOneAssignment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &slotTable{seen: map[string]int{}, held: map[string]map[int]bool{}}
		s.change(func(v *slotView) { v.owners = make([]string, rapid.IntRange(1, 24).Draw(t, "slots")) })
		t.Repeat(map[string]func(*rapid.T){
			"join": s.join, "die": s.die, "act": func(t *rapid.T) { s.act(t, s.someMoment(t)) }, "": s.check,
		})
		for range 2 { // all see what there is now: one round to give back, one to claim
			for _, member := range s.now().members {
				s.act(nil, actor{member, s.now()})
			}
		}
		end := s.now()
		if target := assign(end.members, end.owners); !slices.Equal(target, end.owners) {
			t.Fatalf("after all have acted, %v still wants to become %v", end.owners, target)
		}
	})
}

// slotTable is the table of slots as the store has it, with every state it was in.
type slotTable struct {
	views []slotView
	seen  map[string]int          // the last view a member acted on
	held  map[string]map[int]bool // what a member believes to own
	born  int
}

type slotView struct{ members, owners []string }

// actor is a member that acts on what it saw at some moment.
type actor struct {
	member string
	view   slotView
}

func (s *slotTable) now() slotView { return s.views[len(s.views)-1] }

func (s *slotTable) change(how func(*slotView)) {
	var next slotView
	if len(s.views) > 0 {
		next = slotView{slices.Clone(s.now().members), slices.Clone(s.now().owners)}
	}
	how(&next)
	s.views = append(s.views, next)
}

func (s *slotTable) join(*rapid.T) {
	s.born++
	member := fmt.Sprintf("m%03d", s.born*7919%1000)
	s.change(func(v *slotView) { v.members = append(v.members, member) })
	s.seen[member], s.held[member] = len(s.views)-1, map[int]bool{}
}

// die removes a member and frees its slots at once.
func (s *slotTable) die(t *rapid.T) {
	if len(s.now().members) == 0 {
		t.Skip("nobody is there")
	}
	member := rapid.SampledFrom(s.now().members).Draw(t, "dies")
	s.change(func(v *slotView) {
		v.members = slices.DeleteFunc(v.members, func(m string) bool { return m == member })
		for slot, owner := range v.owners {
			if owner == member {
				v.owners[slot] = ""
			}
		}
	})
	delete(s.held, member)
}

// someMoment is a member and any state not older than the one it acted on before.
func (s *slotTable) someMoment(t *rapid.T) actor {
	if len(s.now().members) == 0 {
		t.Skip("nobody is there")
	}
	member := rapid.SampledFrom(s.now().members).Draw(t, "acts")
	s.seen[member] = rapid.IntRange(s.seen[member], len(s.views)-1).Draw(t, "on view")
	return actor{member, s.views[s.seen[member]]}
}

// act gives back and claims what the member should by what it saw; t chooses what it gets done, nil is all.
func (s *slotTable) act(t *rapid.T, a actor) {
	does := func() bool { return t == nil || rapid.Bool().Draw(t, "does") }
	for slot, owner := range assign(a.view.members, a.view.owners) {
		switch is := s.now().owners[slot]; {
		case s.held[a.member][slot] && owner != a.member && does():
			s.change(func(v *slotView) { v.owners[slot] = "" })
			delete(s.held[a.member], slot)
		case is == "" && owner == a.member && does():
			s.change(func(v *slotView) { v.owners[slot] = a.member })
			s.held[a.member][slot] = true
		}
	}
}

func (s *slotTable) check(t *rapid.T) {
	owner := map[int]string{}
	for member, slots := range s.held {
		for slot := range slots {
			if other, taken := owner[slot]; taken {
				t.Fatalf("slot %d is owned by %s and %s", slot, other, member)
			}
			owner[slot] = member
		}
	}
}

func countOf(owners []string) map[string]int {
	has := map[string]int{}
	for _, owner := range owners {
		has[owner]++
	}
	return has
}
