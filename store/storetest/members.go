package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/powernode/powernode/store"
)

// MembersWorld is a store as several processes see it.
type MembersWorld struct {
	// Process makes the next process: its way to the store, and to the members.
	Process func() (store.Store, store.Members)
	// Silence has a member be heard no more, not by itself either; Hear ends that.
	Silence, Hear func(store.Member)
}

// memberRule is one sentence of the contract of members.
type memberRule struct {
	name string
	test func(t *testing.T, w MembersWorld)
}

// Members proves the rules of store.Members, each in a fresh world that play makes for it.
func Members(t *testing.T, play func(t *testing.T, rule func(*testing.T, MembersWorld))) {
	for _, r := range memberRules {
		t.Run(r.name, func(t *testing.T) { play(t, r.test) })
	}
}

var memberRules = []memberRule{
	{"who joins and who leaves is seen by all", func(t *testing.T, w MembersWorld) {
		one, two := join(t, w), join(t, w)
		if one.ID() == two.ID() {
			t.Fatalf("two members are %s", one.ID())
		}
		members := []string{one.ID(), two.ID()}
		slices.Sort(members)
		comes(t, one, "both are on the roster", func(r store.Roster) bool { return slices.Equal(r.Members, members) })
		ok(t, two.Leave(t.Context()))
		comes(t, one, "one is on the roster", func(r store.Roster) bool { return slices.Equal(r.Members, []string{one.ID()}) })
	}},
	{"a slot has one owner, the first", func(t *testing.T, w MembersWorld) {
		one, two := join(t, w), join(t, w)
		ok(t, one.Claim(t.Context(), []int{0, 5, store.Slots - 1}))
		ok(t, two.Claim(t.Context(), []int{4, 5, 6}))
		for _, m := range []store.Member{one, two} {
			owned(t, m, one, 0, 5, store.Slots-1)
			owned(t, m, two, 4, 6)
		}
	}},
	{"of many that claim a slot at once one gets it, for good", func(t *testing.T, w MembersWorld) {
		all := make([]int, store.Slots)
		for i := range all {
			all[i] = i
		}
		members := []store.Member{join(t, w), join(t, w), join(t, w)}
		var group errgroup.Group
		for i, m := range members {
			group.Go(func() error {
				mine := slices.Concat(all[i*store.Slots/3:], all[:i*store.Slots/3])
				for part := range slices.Chunk(mine, 50) {
					before, err := m.Roster(t.Context())
					if err != nil {
						return err
					}
					if err := m.Claim(t.Context(), part); err != nil {
						return err
					}
					after, err := m.Roster(t.Context())
					for slot, owner := range before.Owners {
						if err == nil && owner != "" && after.Owners[slot] != owner {
							err = fmt.Errorf("slot %d went from %q to %q", slot, owner, after.Owners[slot])
						}
					}
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
		ok(t, group.Wait())
		roster, err := members[0].Roster(t.Context())
		ok(t, err)
		if slices.Contains(roster.Owners, "") {
			t.Error("slots are free that were claimed")
		}
	}},
	{"only its owner gives a slot back", func(t *testing.T, w MembersWorld) {
		one, two := join(t, w), join(t, w)
		ok(t, one.Claim(t.Context(), []int{1, 2}))
		ok(t, two.Release(t.Context(), []int{1, 2}))
		owned(t, two, one, 1, 2)
		ok(t, one.Release(t.Context(), []int{2, 3}))
		comes(t, two, "slot 2 is free", func(r store.Roster) bool { return r.Owners[1] == one.ID() && r.Owners[2] == "" })
	}},
	{"who retires is off the roster and keeps slots and writes until it leaves", func(t *testing.T, w MembersWorld) {
		s, members := w.Process()
		one, err := members.Join(t.Context(), "one")
		ok(t, err)
		two := join(t, w)
		ok(t, one.Claim(t.Context(), []int{7, 8}))
		ok(t, one.Retire(t.Context()))
		comes(t, two, "two is alone on the roster", func(r store.Roster) bool { return slices.Equal(r.Members, []string{two.ID()}) })
		owned(t, two, one, 7, 8)
		made, err := s.Create(t.Context(), object("a"), store.Fenced(one.ID()))
		ok(t, err)
		ok(t, one.Leave(t.Context()))
		comes(t, two, "all slots are free", free)
		_, err = s.Update(t.Context(), with(made, spec(2)), store.Fenced(one.ID()))
		wantError(t, err, store.ErrFenced)
	}},
	{"after its end a member can do nothing and is told so", func(t *testing.T, w MembersWorld) {
		one, two := join(t, w), join(t, w)
		_, changed := one.Hearing()
		_, other := w.Process()
		ok(t, other.Bury(t.Context(), one.ID()))
		ok(t, other.Bury(t.Context(), one.ID()))
		rings(t, changed)
		_, err := one.Roster(t.Context())
		wantError(t, err, store.ErrFenced)
		wantError(t, one.Claim(t.Context(), []int{1}), store.ErrFenced)
		wantError(t, one.Release(t.Context(), []int{1}), store.ErrFenced)
		wantError(t, one.Retire(t.Context()), store.ErrFenced)
		wantError(t, one.Leave(t.Context()), store.ErrFenced)
		comes(t, two, "all slots are free", free)
	}},
	{"a member that is silent for long knows it, then is none, and its late writes are refused", func(t *testing.T, w MembersWorld) {
		s, members := w.Process()
		one, err := members.Join(t.Context(), "one")
		ok(t, err)
		two := join(t, w)
		ok(t, one.Claim(t.Context(), []int{3}))
		hears(t, one, true)
		hears(t, two, true)
		w.Silence(one)
		hears(t, one, false)
		owned(t, two, one, 3)
		comes(t, two, "one is gone and its slot free", func(r store.Roster) bool {
			return slices.Equal(r.Members, []string{two.ID()}) && free(r)
		})
		_, err = s.Create(t.Context(), object("a"), store.Fenced(one.ID()))
		wantError(t, err, store.ErrFenced)
		_, err = one.Roster(t.Context())
		wantError(t, err, store.ErrFenced)
		hears(t, two, true)
	}},
	{"a member that is silent for a moment only stays one", func(t *testing.T, w MembersWorld) {
		one, two := join(t, w), join(t, w)
		hears(t, one, true)
		w.Silence(one)
		hears(t, one, false)
		w.Hear(one)
		hears(t, one, true)
		ok(t, one.Claim(t.Context(), []int{3}))
		owned(t, two, one, 3)
	}},
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// join makes a process that is a member.
func join(t *testing.T, w MembersWorld) store.Member {
	t.Helper()
	_, members := w.Process()
	m, err := members.Join(t.Context(), "member")
	ok(t, err)
	return m
}

// comes waits until the roster is so; between looks it waits for word of a change.
func comes(t *testing.T, m store.Member, what string, so func(store.Roster) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	for {
		_, changed := m.Hearing()
		roster, err := m.Roster(ctx)
		if err != nil {
			t.Fatalf("until %s: %v", what, err)
		}
		if so(roster) {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("it never came that %s: members %v", what, roster.Members)
		}
	}
}

// owned checks that m sees the slots as the owner's.
func owned(t *testing.T, m, owner store.Member, slots ...int) {
	t.Helper()
	roster, err := m.Roster(t.Context())
	ok(t, err)
	for _, slot := range slots {
		if roster.Owners[slot] != owner.ID() {
			t.Errorf("slot %d belongs to %q, want %q", slot, roster.Owners[slot], owner.ID())
		}
	}
}

func free(r store.Roster) bool {
	return len(r.Owners) == store.Slots && !slices.ContainsFunc(r.Owners, func(owner string) bool { return owner != "" })
}

// hears waits until a member hears itself, or does not.
func hears(t *testing.T, m store.Member, want bool) {
	t.Helper()
	timeout := time.After(long)
	for {
		heard, changed := m.Hearing()
		if heard == want {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("the member never came to hear itself: %v", want)
		}
	}
}

func rings(t *testing.T, bell <-chan struct{}) {
	t.Helper()
	select {
	case <-bell:
	case <-time.After(long):
		t.Fatal("nobody was told")
	}
}
