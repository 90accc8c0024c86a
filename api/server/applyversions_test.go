package server_test

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Who owns a field owns it in every version of the kind.
func TestOwnersAcrossVersions(t *testing.T) {
	h := start(t)
	h.define(versioned("v1beta1", "v1beta1", "v1"))
	apply := func(version, manager, spec string) answer {
		return h.do("PATCH", gearsIn(version)+"/a?fieldManager="+manager, fmt.Sprintf(`{"apiVersion":"example.org/%s","kind":"Gear","metadata":{"name":"a"},"spec":%s}`, version, spec), "Content-Type", applyPatch)
	}
	h.want(apply("v1beta1", "one", `{"teeth":12}`), 201)
	h.refused(apply("v1", "two", `{"teeth":13}`), 409, metav1.StatusReasonConflict, `conflict with "one": .spec.teeth`)
	h.want(h.merge(gearsIn("v1")+"/a?fieldManager=three", `{"metadata":{"labels":{"a":"b"}}}`), 200)
	got := h.want(h.get(gearsIn("v1")+"/a"), 200).object(t)
	if len(got.ManagedFields) != 2 || got.ManagedFields[0].APIVersion != "example.org/v1beta1" || got.ManagedFields[1].APIVersion != "example.org/v1" {
		t.Errorf("entries %v", got.ManagedFields)
	}
	got = h.want(apply("v1", "one", `{}`), 200).object(t)
	if strings.Contains(string(got.Spec), "teeth") {
		t.Errorf("kept what was given up in another version: %s", got.Spec)
	}
}

// A patch may be small and what comes of it too large.
func TestPatchedObjectsAreBounded(t *testing.T) {
	h := start(t, withFleets(t))
	h.want(h.post(fleets, fleetBody("a", `{}`)), 201)
	grow := func(key string) answer {
		return h.merge(fleets+"/a", fmt.Sprintf(`{"spec":{"extra":{%q:%q}}}`, key, strings.Repeat("x", 2<<20)))
	}
	h.want(grow("a"), 200)
	h.refused(grow("b"), 413, metav1.StatusReasonRequestEntityTooLarge, "the limit is 3145728 bytes")
}
