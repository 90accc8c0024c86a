package customresourcedefinition

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/schemas"
	"github.com/powernode/powernode/schemas/naming"
)

// The conditions of a definition, in the words of Kubernetes.
const (
	NamesAccepted = "NamesAccepted"
	Established   = "Established"
	Terminating   = "Terminating"
)

// Kind is the controller of definitions.
func Kind() reconcile.Kind {
	return reconcile.For(v1.CustomResourceDefinition, controller{})
}

type object = reconcile.Object[Spec, Status]

type controller struct{}

func (c controller) Reconcile(ctx context.Context, d *object) (reconcile.Result, error) {
	verdict, err := judge(ctx, d)
	if err != nil {
		return reconcile.Result{}, err
	}
	d.Status.AcceptedNames = verdict.Names
	if v := d.Spec.storage(); v != "" && !slices.Contains(d.Status.StoredVersions, v) {
		d.Status.StoredVersions = append(d.Status.StoredVersions, v)
	}
	broken := check(d)
	set(d, NamesAccepted, verdict.Accepted(), orElse(verdict.Reason, "NoConflicts"), orElse(verdict.Message, "no conflicts found"))
	if !meta.IsStatusConditionTrue(d.Status.Conditions, Established) {
		establish(d, verdict, broken)
	}
	switch {
	case broken != nil:
		return reconcile.Result{}, reconcile.Permanent(reconcile.Because("InvalidDefinition", broken))
	case !verdict.Accepted():
		result, err := reconcile.Wait("not all names are free: %s", verdict.Message)
		result.Reason = verdict.Reason
		return result, err
	}
	return reconcile.Done, nil
}

// establish says whether the kind is served. Once it is it stays so, as there may be objects.
func establish(d *object, verdict naming.Verdict, broken error) {
	switch {
	case broken != nil:
		set(d, Established, false, "InvalidDefinition", broken.Error())
	case verdict.Accepted():
		set(d, Established, true, "InitialNamesAccepted", "the initial names have been accepted")
	default:
		set(d, Established, false, "NotAccepted", "not all names are accepted")
	}
}

// check tells why a definition that is in the store makes no kind: it was put there by another
// version of the program.
func check(d *object) error {
	_, err := schemas.Kinds(&api.Object{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apiextensions.k8s.io/v1", Kind: "CustomResourceDefinition"},
		ObjectMeta: metav1.ObjectMeta{Name: d.Name}, Spec: d.Spec.Document,
	})
	return err
}

// Delete removes the objects. The server takes no new ones since the definition was marked.
func (c controller) Delete(ctx context.Context, d *object) (reconcile.Result, error) {
	set(d, Terminating, true, "InstanceDeletionInProgress", "CustomResource deletion is in progress")
	verdict, err := judge(ctx, d)
	if err != nil {
		return reconcile.Result{}, err
	}
	if d.Spec.Group == api.Group || verdict.Names.Kind != d.Spec.Names.Kind {
		return reconcile.Done, nil // objects of that kind are another definition's
	}
	n, first, err := reconcile.Empty(ctx, d.Objects, d.Spec.qualified(), "")
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("remove %s objects: %w", d.Spec.Names.Kind, err)
	}
	if n > 0 {
		result, err := reconcile.Wait("%s objects are being removed, %s first: see their finalizers", d.Spec.Names.Kind, first)
		result.Reason = "InstanceDeletionInProgress"
		return result, err
	}
	return reconcile.Done, nil
}

func set(d *object, condition string, holds bool, reason, message string) {
	status := metav1.ConditionFalse
	if holds {
		status = metav1.ConditionTrue
	}
	meta.SetStatusCondition(&d.Status.Conditions, metav1.Condition{
		Type: condition, Status: status, Reason: reason, Message: message, ObservedGeneration: d.Meta.Generation,
	})
}

func orElse(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}
