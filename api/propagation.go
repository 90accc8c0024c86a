package api

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Propagate gives the finalizers that an object with the given ones has once it is
// deleted with a propagation policy: "foregroundDeletion" holds it until the dependents
// that block it are gone, "orphan" until they have forgotten it, and with Background neither
// does. The empty policy leaves the choice to the finalizers that are there. The
// garbage collector takes both off again.
func Propagate(policy metav1.DeletionPropagation, finalizers []string) []string {
	wanted := ""
	switch policy {
	case metav1.DeletePropagationForeground:
		wanted = metav1.FinalizerDeleteDependents
	case metav1.DeletePropagationOrphan:
		wanted = metav1.FinalizerOrphanDependents
	case metav1.DeletePropagationBackground:
	default:
		return finalizers
	}
	if wanted != "" && slices.Contains(finalizers, wanted) && !slices.Contains(finalizers, other(wanted)) {
		return finalizers
	}
	var kept []string
	for _, name := range finalizers {
		if name != metav1.FinalizerDeleteDependents && name != metav1.FinalizerOrphanDependents {
			kept = append(kept, name)
		}
	}
	if wanted != "" {
		kept = append(kept, wanted)
	}
	return kept
}

func other(finalizer string) string {
	if finalizer == metav1.FinalizerOrphanDependents {
		return metav1.FinalizerDeleteDependents
	}
	return metav1.FinalizerOrphanDependents
}
