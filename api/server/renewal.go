package server

import (
	"encoding/json"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/store"
)

// renewal reports whether a change does nothing but move the renewTime of a Lease: who holds it says so every
// few seconds as long as it runs. Audit policies of Kubernetes drop writes of leases altogether; here those
// that say who holds it, and since when, are kept.
func renewal(c store.Change) bool {
	if c.Type != store.Modified || c.Key().Kind != v1.Lease {
		return false
	}
	var before, now map[string]any
	if json.Unmarshal(c.Old.Spec, &before) != nil || json.Unmarshal(c.New.Spec, &now) != nil {
		return false
	}
	delete(before, "renewTime")
	delete(now, "renewTime")
	return equality.Semantic.DeepEqual(before, now) && equality.Semantic.DeepEqual(owned(c.Old.ObjectMeta), owned(c.New.ObjectMeta))
}

// owned is metadata without what every write changes.
func owned(m metav1.ObjectMeta) metav1.ObjectMeta {
	m.ResourceVersion, m.Generation, m.ManagedFields = "", 0, nil
	return m
}
