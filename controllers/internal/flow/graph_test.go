package flow

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	v1 "github.com/powernode/powernode/api/v1"
)

func TestNeedsAndBefore(t *testing.T) {
	steps := []v1.Step{{Name: "a"}, {Name: "b"}, {Name: "c", Needs: &[]string{}}, {Name: "d", Needs: &[]string{"c", "b", "nobody", "d"}}}
	if got := fmt.Sprint(Needs(steps)); got != "[[] [0] [] [2 1]]" {
		t.Error(got)
	}
	if got := fmt.Sprint(Before(steps)); got != "[[] [0] [] [0 1 2]]" {
		t.Error(got)
	}
	if c := Cycle(steps); c != nil {
		t.Error(c)
	}
}

// A graph has a cycle exactly if a step comes before itself, and what Cycle
// names is one.
func TestCyclesAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "steps")
		steps := make([]v1.Step, n)
		for i := range steps {
			needs := []string{}
			for j := range n {
				if i != j && rapid.IntRange(0, 4).Draw(t, "need") == 0 {
					needs = append(needs, fmt.Sprint("s", j))
				}
			}
			steps[i] = v1.Step{Name: fmt.Sprint("s", i), Needs: &needs}
		}
		mutual := false
		before := Before(steps)
		for i := range steps {
			for _, j := range before[i] {
				mutual = mutual || slices.Contains(before[j], i)
			}
		}
		cycle := Cycle(steps)
		if mutual != (cycle != nil) {
			t.Fatalf("cycle %v, steps before each other: %v", cycle, mutual)
		}
		for k := range max(len(cycle)-1, 0) {
			if i := Index(steps, cycle[k]); !slices.Contains(*steps[i].Needs, cycle[k+1]) {
				t.Fatalf("%v is no cycle: %s does not need %s", cycle, cycle[k], cycle[k+1])
			}
		}
	})
}
