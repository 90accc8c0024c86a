package server_test

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	definitionsPath = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
	gears           = "/apis/example.org/v1/namespaces/default/gears"
	gearKind        = "Gear.example.org"
	gear            = `{"apiVersion":"example.org/v1","kind":"Gear","metadata":{"name":"a"},"spec":{"teeth":12}}`
)

// crd is a definition of a kind of example.org with a version v1 of one integer field.
func crd(plural, kind, names, field string) string {
	return fmt.Sprintf(`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"%[1]s.example.org"},
		"spec":{"group":"example.org","scope":"Namespaced","names":{"plural":%[1]q,"kind":%[2]q%[3]s},"versions":[{"name":"v1","served":true,"storage":true,
		"additionalPrinterColumns":[{"name":"Teeth","type":"integer","jsonPath":".spec.%[4]s"}],
		"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object","properties":{%[4]q:{"type":"integer","minimum":3,"default":8}}}}}}}]}}`,
		plural, kind, names, field)
}

func (h *harness) define(doc string) {
	h.Helper()
	h.want(h.post(definitionsPath, doc), 201)
}

func TestADefinitionIsServedWhenTheAnswerIsOut(t *testing.T) {
	h := start(t)
	h.want(h.get(gears), 404)
	h.define(crd("gears", "Gear", "", "teeth"))
	h.want(h.post(gears, gear), 201)
	h.refused(h.post(gears, strings.Replace(gear, "12", "2", 1)), 422, metav1.StatusReasonInvalid, "spec.teeth: Invalid value: 2: must be at least 3")
	contains(t, "the group", h.want(h.get("/apis"), 200).body, `"name":"example.org"`)
	contains(t, "its document", h.want(h.get("/openapi/v3/apis/example.org/v1"), 200).body, `"teeth"`)
	h.want(h.do("DELETE", definitionsPath+"/gears.example.org", ""), 200)
	h.want(h.get(gears), 404)
}

func TestADefinitionThatMakesNoKindHarmsNoOther(t *testing.T) {
	h := start(t)
	h.define(crd("gears", "Gear", "", "teeth"))
	h.store.Create(t.Context(), h.definition(strings.Replace(crd("cogs", "Cog", "", "teeth"), `"minimum":3`, `"minimum":"x"`, 1)))
	h.store.Create(t.Context(), h.definition(strings.Replace(crd("rods", "Rod", "", "teeth"), `"spec":{"group"`, `"spec":{"x":{"group"`, 1)+"}"))
	h.define(crd("nuts", "Nut", "", "teeth"))
	h.want(h.post(gears, gear), 201)
	h.want(h.get("/apis/example.org/v1/nuts"), 200)
	h.want(h.get("/apis/example.org/v1/cogs"), 404)
}
