package schemas

import (
	"fmt"

	kubeversion "k8s.io/apimachinery/pkg/version"
)

// storageVersion is the name of the version in which objects are stored.
func (d *definition) storageVersion() string {
	for _, v := range d.Spec.Versions {
		if v.Storage {
			return v.Name
		}
	}
	return ""
}

// deprecation is what whoever uses v is warned of; nothing for a version in good
// standing. Unless the definition has words for it, it names the best version
// to go to.
func (d *definition) deprecation(v *version) string {
	switch {
	case !v.Deprecated:
		return ""
	case v.Warning != nil:
		return *v.Warning
	}
	warning := fmt.Sprintf("%s/%s %s is deprecated", d.Spec.Group, v.Name, d.Spec.Names.Kind)
	best := v.Name
	for _, other := range d.Spec.Versions {
		if other.Served && !other.Deprecated && kubeversion.CompareKubeAwareVersionStrings(other.Name, best) > 0 {
			best = other.Name
		}
	}
	if best != v.Name {
		warning += fmt.Sprintf("; use %s/%s %s", d.Spec.Group, best, d.Spec.Names.Kind)
	}
	return warning
}
