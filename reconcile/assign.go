package reconcile

import "slices"

// assign says which member every slot should belong to, so that all share the
// work: owners[slot] is who has it now, "" nobody, and so is the result, with "" only
// where there are no members. It promises, each a property in its test:
//
//   - every slot gets a member, and the numbers of slots of two members differ by at most one;
//   - a slot of a member moves only where these numbers demand it, and no fewer moves would do;
//   - the order of members does not matter, so all of them come to the same result;
//   - what has been done of a result does not change it: members that see different
//     moments of the way there want the same end. So each may act alone (give back what
//     is not its own by the result, claim what is and nobody has), and never undoes what another did.
func assign(members, owners []string) []string {
	members = slices.Compact(slices.Sorted(slices.Values(members)))
	target := make([]string, len(owners))
	if len(members) == 0 {
		return target
	}
	left := shares(members, owners)
	for slot, owner := range owners { // the first ones that fit stay
		if left[owner] > 0 {
			left[owner]--
			target[slot] = owner
		}
	}
	next := 0
	for slot := range target {
		if target[slot] != "" {
			continue
		}
		for left[members[next]] == 0 {
			next++
		}
		left[members[next]]--
		target[slot] = members[next]
	}
	return target
}

// shares is how many slots every member should have: all the same number, and those
// that remain go one each to members who have them already, then to the first by name.
func shares(members, owners []string) map[string]int {
	has := map[string]int{}
	for _, owner := range owners {
		has[owner]++
	}
	each, over := len(owners)/len(members), len(owners)%len(members)
	share := map[string]int{}
	for _, member := range members {
		share[member] = each
		if has[member] > each && over > 0 {
			share[member]++
			over--
		}
	}
	for _, member := range members {
		if share[member] == each && over > 0 {
			share[member]++
			over--
		}
	}
	return share
}
