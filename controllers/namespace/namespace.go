// Package namespace is the controller of v1 Namespace: a namespace is Active
// until it is deleted, and goes away once all that lives in it has gone.
//
// It knows objects by kind and name only: what a removal means to an object is
// that object's controller's business.
package namespace

import (
	"context"
	"fmt"
	"slices"
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

// kubernetes in spec.finalizers stands for this controller.
const kubernetes = "kubernetes"

// Spec says who must clean up before the namespace goes; it goes when none but this controller is left.
type Spec struct {
	Finalizers []string `json:"finalizers,omitempty"`
}

// Status says whether anything may still be created in the namespace.
type Status struct {
	api.CommonStatus `json:",inline"`
	Phase            string `json:"phase,omitempty"`
}

// Kind is the controller of namespaces. kinds are those whose objects live in
// namespaces, in the order in which a deleted namespace is emptied: objects of
// a kind are gone before those of the next are touched. Put what depends before what
// it depends on (runs before pipelines, containers before their hosts, all before
// Secrets), so that everything has what it needs to clean up; Events last. Objects of users' kinds go
// before them all.
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

func (c controller) Reconcile(ctx context.Context, ns *reconcile.Object[Spec, Status]) (reconcile.Result, error) {
	ns.Status.Phase = Active
	return reconcile.Done, ensureAccount(ctx, ns.Objects, ns.Name)
}

// Delete empties the namespace kind by kind. What is removed wakes it, as it has listed it.
func (c controller) Delete(ctx context.Context, ns *reconcile.Object[Spec, Status]) (reconcile.Result, error) {
	ns.Status.Phase = Terminating
	custom, err := customKinds(ctx, ns.Objects)
	if err != nil {
		return reconcile.Result{}, err
	}
	for _, kind := range slices.Concat(custom, c.kinds) {
		n, first, err := reconcile.Empty(ctx, ns.Objects, kind, ns.Name)
		if err != nil {
			return reconcile.Result{}, fmt.Errorf("remove %s objects: %w", plain(kind), err)
		}
		if n > 0 {
			return wait("NotEmpty", "%s objects are being removed, %s first: see its conditions", plain(kind), first)
		}
	}
	for _, name := range ns.Spec.Finalizers {
		if name != kubernetes {
			return wait("Finalizers", "spec.finalizers has %s, whose owner is to take it off by the subresource finalize", name)
		}
	}
	return reconcile.Done, nil
}

func wait(reason, format string, args ...any) (reconcile.Result, error) {
	result, err := reconcile.Wait(format, args...)
	result.Reason = reason
	return result, err
}

func plain(kind string) string {
	name, _, _ := strings.Cut(kind, ".")
	return name
}
