// Package namespace is the controller of v1 Namespace: a namespace is Active
// until it is deleted, and goes away once all that lives in it has gone.
//
// It knows objects by kind and name only: what a removal means to an object is
// that object's controller's business.
package namespace

import (
	"context"
	"fmt"
	"strings"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/reconcile"
)

// Default is the namespace of those who name none. It is always there.
const Default = "default"

// The phases of a namespace.
const (
	Active      = "Active"
	Terminating = "Terminating"
)

// Spec is empty: a namespace is all name.
type Spec struct{}

// Status says whether anything may still be created in the namespace.
type Status struct {
	api.CommonStatus `json:",inline"`
	Phase            string `json:"phase,omitempty"`
}

// Kind is the controller of namespaces. kinds are those whose objects live in
// namespaces, in the order in which a deleted namespace is emptied: objects of
// a kind are gone before those of the next are touched. Put what depends before what
// it depends on (runs before pipelines, containers before their hosts, all before
// Secrets), so that everything has what it needs to clean up; Events last.
func Kind(kinds []string) reconcile.Kind {
	return reconcile.For(v1.Namespace, controller{kinds})
}

// MayDelete refuses to delete the namespace "default", wrapping api.ErrForbidden, and nothing else. A
// controller comes too late for that: once an object is marked as deleted it
// stays so. The server asks before it marks.
func MayDelete(key api.Key) error {
	if key.Kind == v1.Namespace && key.Name == Default {
		return fmt.Errorf("%w: namespace %q may not be deleted; delete what is in it", api.ErrForbidden, key.Name)
	}
	return nil
}

type controller struct{ kinds []string }

func (c controller) Reconcile(_ context.Context, ns *reconcile.Object[Spec, Status]) (reconcile.Result, error) {
	ns.Status.Phase = Active
	return reconcile.Done, nil
}

// Delete empties the namespace kind by kind. What is removed wakes it, as it has listed it.
func (c controller) Delete(ctx context.Context, ns *reconcile.Object[Spec, Status]) (reconcile.Result, error) {
	ns.Status.Phase = Terminating
	for _, kind := range c.kinds {
		name, err := empty(ctx, ns.Objects, kind, ns.Name)
		if err != nil {
			return reconcile.Result{}, fmt.Errorf("remove %s objects: %w", plain(kind), err)
		}
		if name != "" {
			result, err := reconcile.Wait("%s objects are being removed, %s first: see its conditions", plain(kind), name)
			result.Reason = "NotEmpty"
			return result, err
		}
	}
	return reconcile.Done, nil
}

// empty asks for the removal of what is there, and tells the first by name; "" when there was nothing.
func empty(ctx context.Context, objects reconcile.Objects, kind, namespace string) (first string, err error) {
	found, err := objects.List(ctx, kind, namespace, nil)
	if err != nil {
		return "", err
	}
	for _, obj := range found {
		if obj.DeletionTimestamp != nil {
			continue
		}
		if err := objects.Delete(ctx, obj.Key()); err != nil {
			return "", err
		}
	}
	for _, obj := range found {
		if first == "" || obj.Name < first {
			first = obj.Name
		}
	}
	return first, nil
}

func plain(kind string) string {
	name, _, _ := strings.Cut(kind, ".")
	return name
}
