package server

import (
	"fmt"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Whoever asks for the set of an account gets that one, however many ask for others meanwhile; and
// no more is kept than there is room for.
func TestFieldSetsAreThoseOfTheirBytes(t *testing.T) {
	sets := fieldSets{budget: 500}
	var asking sync.WaitGroup
	for client := range 8 {
		asking.Go(func() {
			for n := range 300 {
				name := fmt.Sprint("n", (n*7+client)%40)
				entry := metav1.ManagedFieldsEntry{FieldsV1: metav1.NewFieldsV1(fmt.Sprintf(`{"f:spec":{"f:%s":{}}}`, name))}
				set := sets.of(entry)
				if want := fieldpath.NewSet(fieldpath.MakePathOrDie("spec", name)); set == nil || !set.Equals(want) {
					t.Errorf("%s: %v", name, set)
				}
			}
		})
	}
	asking.Wait()
	kept := 0
	for _, generation := range []map[string]*fieldpath.Set{sets.young, sets.old} {
		for raw := range generation {
			kept += len(raw)
		}
	}
	if kept > 2*sets.budget || kept == 0 {
		t.Errorf("%d bytes are kept, of a budget of %d", kept, sets.budget)
	}
	if set := sets.of(metav1.ManagedFieldsEntry{FieldsV1: metav1.NewFieldsV1(`{"f:`)}); set != nil {
		t.Errorf("an account that can't be read has the set %v", set)
	}
}
