package api

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// The conditions that every kind has. Ready is always there; Reconciling while
// work goes on; Stalled when only a new spec can help.
const (
	Ready       = "Ready"
	Reconciling = "Reconciling"
	Stalled     = "Stalled"
)

// CommonStatus is the part of a status that every kind shares. Embed it inline;
// the engine fills it.
type CommonStatus struct {
	// ObservedGeneration is the generation of the spec that this status speaks of.
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions by type, in the shape of meta/v1.
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Common gives the engine access to the shared part of any status.
func (s *CommonStatus) Common() *CommonStatus { return s }

// Conditioned is implemented by a pointer to every status type.
type Conditioned interface{ Common() *CommonStatus }
