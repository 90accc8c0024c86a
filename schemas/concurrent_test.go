package schemas_test

import (
	"sync"
	"testing"
	"time"
)

// A kind is shared by all requests; the race detector watches this test.
func TestAKindIsSafeForConcurrentUse(t *testing.T) {
	k := columned(t, "[{name: A, type: string, jsonPath: '.spec.steps[*].name'}, {name: B, type: string, jsonPath: '.spec.steps[?(@.ok==true)].name'}]")
	o := object(t, "{metadata: {name: w}, spec: {steps: [{name: one, ok: true}, {name: two}]}}")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				doc := map[string]any{"spec": map[string]any{"a": int64(1)}, "bogus": true}
				if problems := wholeWay(k, doc); len(problems) > 0 {
					t.Errorf("%q", problems)
				}
				if cells := k.Cells(o, time.Time{}); cells[1] != "one,two" || cells[2] != "one" {
					t.Errorf("cells %v", cells)
				}
				k.FieldSet(o)
			}
		})
	}
	group.Wait()
}
