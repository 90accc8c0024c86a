package garbage

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile"
)

// InvalidNamespace is the reason of the Event of an object that names an owner in
// another namespace, as Kubernetes calls it.
const InvalidNamespace = "OwnerRefInvalidNamespace"

// report tells whoever reads an object's events about owners that can't be its owners.
func (c *collection) report(found []foreign) {
	if c.Notify == nil {
		return
	}
	for _, f := range found {
		key, r := f.dependent.key, f.ref
		about := &api.Object{TypeMeta: f.dependent.meta, ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, UID: f.dependent.uid}}
		c.Notify(about, reconcile.Notice{Type: reconcile.Warning, Reason: InvalidNamespace, Message: fmt.Sprintf(
			"ownerRef [%s/%s, namespace: %s, name: %s, uid: %s] does not exist in namespace %q",
			r.APIVersion, r.Kind, key.Namespace, r.Name, r.UID, key.Namespace), Source: "garbage-collector-controller"})
	}
}
