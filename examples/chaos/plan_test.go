package chaos

import (
	"slices"
	"testing"
)

func TestASeedDecidesAPlanThatLeavesNothingOut(t *testing.T) {
	sorts := Sorts()
	plan := Plan(7, 3, 2, sorts)
	if !slices.Equal(plan, Plan(7, 3, 2, sorts)) {
		t.Error("two plans of one seed differ")
	}
	if slices.Equal(plan, Plan(8, 3, 2, sorts)) {
		t.Error("two seeds have one plan")
	}
	for round := range slices.Chunk(plan, len(sorts)) {
		for _, sort := range sorts {
			if !slices.ContainsFunc(round, func(f Fault) bool { return f.Sort == sort }) {
				t.Errorf("a round without: %s", sort)
			}
		}
	}
}
