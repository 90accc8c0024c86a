package flow

import (
	"slices"

	v1 "github.com/powernode/powernode/api/v1"
)

// Needs are the steps that each step waits for, by index: those that it names,
// or the one before it when it names none at all. Names that there are not, and the step itself, are left out.
func Needs(steps []v1.Step) [][]int {
	all := make([][]int, len(steps))
	for i, step := range steps {
		if step.Needs == nil {
			if i > 0 {
				all[i] = []int{i - 1}
			}
			continue
		}
		for _, name := range *step.Needs {
			if j := Index(steps, name); j >= 0 && j != i && !slices.Contains(all[i], j) {
				all[i] = append(all[i], j)
			}
		}
	}
	return all
}

// Index finds a step by name; -1 when there is none.
func Index(steps []v1.Step, name string) int {
	return slices.IndexFunc(steps, func(s v1.Step) bool { return s.Name == name })
}

// Before are all the steps that have ended for sure when a step starts: what it
// needs, what that needs, and so on, in order.
func Before(steps []v1.Step) [][]int {
	needs := Needs(steps)
	all := make([][]int, len(steps))
	for i := range steps {
		seen := make([]bool, len(steps))
		next := slices.Clone(needs[i])
		for len(next) > 0 {
			j := next[0]
			next = next[1:]
			if j != i && !seen[j] {
				seen[j] = true
				next = append(next, needs[j]...)
			}
		}
		for j := range steps {
			if seen[j] {
				all[i] = append(all[i], j)
			}
		}
	}
	return all
}

// Cycle is a chain of steps that wait for each other, the first repeated at the
// end; nil when there is none.
func Cycle(steps []v1.Step) []string {
	needs := Needs(steps)
	const visiting, done = 1, 2
	state := make([]int, len(steps))
	var path []int
	var visit func(i int) []int
	visit = func(i int) []int {
		state[i], path = visiting, append(path, i)
		for _, j := range needs[i] {
			if state[j] == visiting {
				return append(path[slices.Index(path, j):], j)
			}
			if state[j] != done {
				if found := visit(j); found != nil {
					return found
				}
			}
		}
		state[i], path = done, path[:len(path)-1]
		return nil
	}
	for i := range steps {
		if state[i] != 0 {
			continue
		}
		if found := visit(i); found != nil {
			var names []string
			for _, j := range found {
				names = append(names, steps[j].Name)
			}
			return names
		}
	}
	return nil
}
