package customresourcedefinition_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/controllers/customresourcedefinition"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/reconcile/reconciletest"
)

const gear = "Gear.example.org"

// definition asks for a kind of example.org, stored in the first of versions. It has its finalizer from
// the start, as the server gives it.
func definition(plural, kind, short string, versions ...string) *api.Object {
	var list []map[string]any
	for i, v := range versions {
		list = append(list, map[string]any{"name": v, "served": true, "storage": i == 0,
			"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object"}}})
	}
	obj := reconciletest.Object(v1.CustomResourceDefinition, plural+".example.org", map[string]any{
		"group": "example.org", "scope": "Namespaced", "versions": list,
		"names": map[string]any{"plural": plural, "kind": kind, "shortNames": []string{short}},
	})
	obj.Finalizers = []string{reconcile.Finalizer}
	return obj
}

func settle(t *testing.T, objs ...*api.Object) *reconciletest.World {
	return reconciletest.Settle(t, []reconcile.Kind{customresourcedefinition.Kind()}, objs...)
}

func status(w *reconciletest.World, plural string) customresourcedefinition.Status {
	return reconciletest.Get[customresourcedefinition.Spec, customresourcedefinition.Status](w, v1.CustomResourceDefinition, plural+".example.org").Status
}

func expect[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// condition is a condition of a definition as "True Reason: message".
func condition(w *reconciletest.World, plural, name string) string {
	c := w.Condition(v1.CustomResourceDefinition, plural+".example.org", name)
	return fmt.Sprintf("%s %s: %s", c.Status, c.Reason, c.Message)
}

func TestADefinitionIsEstablished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := settle(t, definition("gears", "Gear", "g", "v1"))
		expect(t, "NamesAccepted", condition(w, "gears", "NamesAccepted"), "True NoConflicts: no conflicts found")
		expect(t, "Established", condition(w, "gears", "Established"), "True InitialNamesAccepted: the initial names have been accepted")
		s := status(w, "gears")
		expect(t, "accepted names", fmt.Sprint(s.AcceptedNames), "{gears gear [g] Gear GearList []}")
		expect(t, "stored versions", fmt.Sprint(s.StoredVersions), "[v1]")
		w.NoWrites(func() { w.Advance(time.Hour); w.Restart(); w.Advance(time.Hour) })
	})
}

func TestTheVersionsThatWereEverStoredAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := settle(t, definition("gears", "Gear", "g", "v1"))
		w.Apply(definition("gears", "Gear", "g", "v2", "v1"))
		expect(t, "stored versions", fmt.Sprint(status(w, "gears").StoredVersions), "[v1 v2]")
	})
}

func TestAConflictIsToldAndEndsWithTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := settle(t, definition("gears", "Gear", "g", "v1"), definition("cogs", "Gear", "g", "v1"))
		expect(t, "NamesAccepted", condition(w, "cogs", "NamesAccepted"),
			`False ListKindConflict: "gear" is already in use, "g" is already in use, "Gear" is already in use, "GearList" is already in use`)
		expect(t, "Established", condition(w, "cogs", "Established"), "False NotAccepted: not all names are accepted")
		expect(t, "accepted names", fmt.Sprint(status(w, "cogs").AcceptedNames), "{cogs  []   []}")
		w.NoWrites(func() { w.Advance(time.Hour) })
		w.Delete(v1.CustomResourceDefinition, "gears.example.org")
		expect(t, "Established", condition(w, "cogs", "Established"), "True InitialNamesAccepted: the initial names have been accepted")
	})
}

// TestOneOfManyIsAcceptedForAName: whatever order their passes run in.
func TestOneOfManyIsAcceptedForAName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var objs []*api.Object
		for i := range 20 {
			objs = append(objs, definition(fmt.Sprintf("gears%d", i), fmt.Sprintf("Gear%d", i), "g", "v1"))
		}
		w := settle(t)
		w.Become(nil)
		w.Apply(objs...)
		w.Become([]reconcile.Kind{customresourcedefinition.Kind()}) // all at once
		accepted := 0
		for i := range 20 {
			if slices.Contains(status(w, fmt.Sprintf("gears%d", i)).AcceptedNames.ShortNames, "g") {
				accepted++
			}
		}
		expect(t, "definitions with the name", accepted, 1)
	})
}

// TestAcceptedDefinitionsDoNotWakeEachOther: many of them cost a pass each, not a pass for each pair.
func TestAcceptedDefinitionsDoNotWakeEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := settle(t, definition("gears", "Gear", "g", "v1"))
		reads := 0
		w.Intercept(func(op string, key api.Key) error {
			if op == "Get" && key.Name == "gears.example.org" {
				reads++
			}
			return nil
		})
		for i := range 5 {
			w.Apply(definition(fmt.Sprintf("cogs%d", i), fmt.Sprintf("Cog%d", i), fmt.Sprintf("c%d", i), "v1"))
		}
		expect(t, "passes of gears", reads, 0)
	})
}

func TestADefinitionThatMakesNoKindSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := definition("gears", "Gear", "g", "v1")
		broken.Spec = json.RawMessage(`{"group":"example.org","scope":"Everywhere","names":{"plural":"gears","kind":"Gear"},"versions":[]}`)
		w := settle(t, broken, definition("cogs", "Cog", "c", "v1"))
		got := condition(w, "gears", "Established")
		if want := `False InvalidDefinition: definition "gears.example.org": [spec.scope: Unsupported value: "Everywhere"`; len(got) < len(want) || got[:len(want)] != want {
			t.Errorf("got %s", got)
		}
		expect(t, "Stalled", w.Condition(v1.CustomResourceDefinition, "gears.example.org", "Stalled").Status, "True")
		expect(t, "the other", condition(w, "cogs", "Established")[:4], "True")
		w.Apply(definition("gears", "Gear", "g", "v1"))
		expect(t, "repaired", condition(w, "gears", "Established")[:4], "True")
	})
}

func gearObjects(n int, finalizers ...string) (objs []*api.Object) {
	for i := range n {
		obj := reconciletest.Object(gear, fmt.Sprintf("team/g%02d", i), nil)
		obj.Finalizers = finalizers
		objs = append(objs, obj)
	}
	return objs
}

func TestADeletedDefinitionTakesItsObjectsAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := settle(t, definition("gears", "Gear", "g", "v1"))
		w.Apply(gearObjects(30)...)
		w.Apply(reconciletest.Object("Gear.example.com", "team/other", nil))
		w.Delete(v1.CustomResourceDefinition, "gears.example.org")
		w.Advance(time.Minute)
		expect(t, "the definition is there", w.Exists(v1.CustomResourceDefinition, "gears.example.org"), false)
		expect(t, "gears left", len(w.List(gear)), 0)
		expect(t, "another group's", w.Exists("Gear.example.com", "team/other"), true)
	})
}

func TestFinalizersOfObjectsHoldTheDefinition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := settle(t, definition("gears", "Gear", "g", "v1"))
		w.Apply(gearObjects(2, "example.org/hold")...)
		w.Delete(v1.CustomResourceDefinition, "gears.example.org")
		w.Advance(time.Hour)
		expect(t, "Terminating", condition(w, "gears", "Terminating"), "True InstanceDeletionInProgress: CustomResource deletion is in progress")
		expect(t, "Ready", w.Ready(v1.CustomResourceDefinition, "gears.example.org"),
			"False InstanceDeletionInProgress: Gear objects are being removed, g00 first: see their finalizers")
		w.NoWrites(func() { w.Advance(time.Hour) })
		for _, obj := range w.List(gear) {
			free := obj.Clone()
			free.Finalizers = nil
			if _, err := w.Store.Update(t.Context(), free); err != nil {
				t.Fatal(err)
			}
		}
		w.Advance(time.Minute)
		expect(t, "the definition is there", w.Exists(v1.CustomResourceDefinition, "gears.example.org"), false)
	})
}

func TestACrashInTheMiddleOfADeletionConverges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := settle(t, definition("gears", "Gear", "g", "v1"))
		w.Apply(gearObjects(30)...)
		deletes := 0
		w.Intercept(func(op string, key api.Key) error {
			if op == "Delete" {
				if deletes++; deletes > 10 {
					return errors.New("killed")
				}
			}
			return nil
		})
		w.Delete(v1.CustomResourceDefinition, "gears.example.org")
		w.Intercept(nil)
		expect(t, "gears left", len(w.List(gear)), 20)
		w.Crash()
		w.Advance(time.Minute)
		expect(t, "the definition is there", w.Exists(v1.CustomResourceDefinition, "gears.example.org"), false)
		expect(t, "gears left", len(w.List(gear)), 0)
	})
}

// TestTheObjectsOfAnotherDefinitionStay: a definition whose kind was taken has none.
func TestTheObjectsOfAnotherDefinitionStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := settle(t, definition("gears", "Gear", "g", "v1"), definition("cogs", "Gear", "c", "v1"))
		w.Apply(gearObjects(1)...)
		w.Delete(v1.CustomResourceDefinition, "cogs.example.org")
		expect(t, "the definition is there", w.Exists(v1.CustomResourceDefinition, "cogs.example.org"), false)
		expect(t, "gears", len(w.List(gear)), 1)
	})
}
