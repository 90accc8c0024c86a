package namespace_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/namespace"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
)

const thing = "Thing.example.org"

// things are slow to clean up, and need a Secret for it.
type things struct{}

type thingStatus struct {
	api.CommonStatus `json:",inline"`
}

type object = reconcile.Object[struct{}, thingStatus]

func (things) Reconcile(context.Context, *object) (reconcile.Result, error) {
	return reconcile.Done, nil
}

func (things) Delete(ctx context.Context, obj *object) (reconcile.Result, error) {
	if _, err := obj.Objects.Get(ctx, reconciletest.Key(v1.Secret, obj.Namespace+"/token")); err != nil {
		return reconcile.Result{}, err
	}
	if time.Since(obj.Meta.DeletionTimestamp.Time) < time.Minute {
		return reconcile.Result{Waiting: "the outside", After: time.Minute}, nil
	}
	return reconcile.Done, nil
}

func settle(t *testing.T) *reconciletest.World {
	kinds := []reconcile.Kind{
		namespace.Kind([]string{thing, v1.Secret, v1.Event}),
		reconcile.For(thing, things{}),
	}
	objs := []*api.Object{
		reconciletest.Object(v1.Namespace, "team", nil),
		reconciletest.Object(v1.Namespace, "other", nil),
		reconciletest.Object(v1.Secret, "team/token", nil),
		reconciletest.Object(v1.Secret, "other/token", nil),
		reconciletest.Object(thing, "other/t", nil),
	}
	for i := range 30 {
		objs = append(objs, reconciletest.Object(thing, fmt.Sprintf("team/t%d", i), nil))
	}
	return reconciletest.Settle(t, kinds, objs...)
}

func phase(w *reconciletest.World) string {
	return reconciletest.Get[namespace.Spec, namespace.Status](w, v1.Namespace, "team").Status.Phase
}

func expect[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestANamespaceIsActive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := settle(t)
		expect(t, "phase", phase(w), namespace.Active)
		expect(t, "Ready", w.Ready(v1.Namespace, "team"), "True Reconciled")
		w.NoWrites(func() { w.Advance(time.Hour) })
	})
}

func TestADeletedNamespaceTakesWhatIsInItAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := settle(t)
		w.Delete(v1.Namespace, "team")
		expect(t, "phase", phase(w), namespace.Terminating)
		expect(t, "Ready", w.Ready(v1.Namespace, "team"), "False NotEmpty: Thing objects are being removed, t0 first: see its conditions")
		expect(t, "the Secret is there while it is needed", w.Exists(v1.Secret, "team/token"), true)
		w.Advance(2 * time.Minute)
		expect(t, "the namespace is there", w.Exists(v1.Namespace, "team"), false)
		for _, kind := range []string{thing, v1.Secret, v1.Event} {
			for _, obj := range w.List(kind) {
				if obj.Namespace == "team" {
					t.Errorf("%s is left", obj.Key())
				}
			}
		}
		expect(t, "another namespace's Thing", w.Exists(thing, "other/t"), true)
		expect(t, "another namespace's Secret", w.Exists(v1.Secret, "other/token"), true)
	})
}

func TestWhatIsCreatedMeanwhileGoesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := settle(t)
		w.Delete(v1.Namespace, "team")
		w.Advance(30 * time.Second)
		w.Apply(reconciletest.Object(thing, "team/late", nil))
		w.Advance(3 * time.Minute)
		expect(t, "late is there", w.Exists(thing, "team/late"), false)
		expect(t, "the namespace is there", w.Exists(v1.Namespace, "team"), false)
	})
}

func TestACrashInTheMiddleOfAnEmptyingConverges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := settle(t)
		deletes := 0
		w.Intercept(func(op string, key api.Key) error {
			if op != "Delete" {
				return nil
			}
			if deletes++; deletes > 10 {
				return errors.New("killed")
			}
			return nil
		})
		w.Delete(v1.Namespace, "team")
		w.Intercept(nil)
		w.Crash()
		w.Advance(3 * time.Minute)
		expect(t, "the namespace is there", w.Exists(v1.Namespace, "team"), false)
	})
}

func TestDefaultMayNotBeDeleted(t *testing.T) {
	if err := namespace.MayDelete(reconciletest.Key(v1.Namespace, "default")); !errors.Is(err, api.ErrForbidden) {
		t.Errorf("got %v", err)
	}
	for _, key := range []api.Key{reconciletest.Key(v1.Namespace, "team"), reconciletest.Key(v1.Secret, "team/default")} {
		if err := namespace.MayDelete(key); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// custom is the definition of a kind of example.com.
func custom(plural, kind, scope string) *api.Object {
	return reconciletest.Object(v1.CustomResourceDefinition, plural+".example.com", map[string]any{
		"group": "example.com", "scope": scope, "names": map[string]any{"plural": plural, "kind": kind},
	})
}

func TestObjectsOfUsersKindsGoToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := settle(t)
		w.Apply(custom("gears", "Gear", "Namespaced"), custom("rods", "Rod", "Cluster"))
		held := reconciletest.Object("Gear.example.com", "team/held", nil)
		held.Finalizers = []string{"example.com/hold"}
		w.Apply(held, reconciletest.Object("Gear.example.com", "other/g", nil), reconciletest.Object("Rod.example.com", "r", nil))
		w.Delete(v1.Namespace, "team")
		expect(t, "Ready", w.Ready(v1.Namespace, "team"), "False NotEmpty: Gear objects are being removed, held first: see its conditions")
		// a kind that is defined meanwhile counts too
		w.Apply(reconciletest.Object("Cog.example.com", "team/late", nil), custom("cogs", "Cog", "Namespaced"))
		expect(t, "an object of a kind that is defined meanwhile", w.Exists("Cog.example.com", "team/late"), false)
		free := w.Object("Gear.example.com", "team/held").Clone()
		free.Finalizers = nil
		if _, err := w.Store.Update(t.Context(), free); err != nil {
			t.Fatal(err)
		}
		w.Advance(3 * time.Minute)
		expect(t, "the namespace is there", w.Exists(v1.Namespace, "team"), false)
		expect(t, "another namespace's Gear", w.Exists("Gear.example.com", "other/g"), true)
		expect(t, "an object outside namespaces", w.Exists("Rod.example.com", "r"), true)
	})
}

func TestFinalizersOfTheSpecHoldAnEmptyNamespace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := settle(t)
		w.Apply(reconciletest.Object(v1.Namespace, "empty", namespace.Spec{Finalizers: []string{"kubernetes", "example.com/backup"}}))
		w.Delete(v1.Namespace, "empty")
		expect(t, "Ready", w.Ready(v1.Namespace, "empty"),
			"False Finalizers: spec.finalizers has example.com/backup, whose owner is to take it off by the subresource finalize")
		w.Apply(reconciletest.Object(v1.Namespace, "empty", namespace.Spec{Finalizers: []string{"kubernetes"}}))
		expect(t, "the namespace is there", w.Exists(v1.Namespace, "empty"), false)
	})
}
