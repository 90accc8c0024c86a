package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/powernode/powernode/api"
)

// versionsOf is a definition of Gears in versions, of which one is stored and those that are
// alpha or beta are deprecated.
func versioned(stored string, versions ...string) string {
	var list []string
	for _, v := range versions {
		list = append(list, fmt.Sprintf(`{"name":%q,"served":true,"storage":%v,"deprecated":%v,
			"additionalPrinterColumns":[{"name":"In %[1]s","type":"integer","jsonPath":".spec.teeth"}],
			"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object","properties":{"teeth":{"type":"integer"},"only%[4]s":{"type":"string"}}}}}}}`,
			v, v == stored, strings.Contains(v, "a"), strings.ToUpper(v)))
	}
	return fmt.Sprintf(`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"gears.example.org"},
		"spec":{"group":"example.org","scope":"Namespaced","names":{"plural":"gears","kind":"Gear"},"versions":[%s]}}`, strings.Join(list, ","))
}

// gearsIn is the collection in a version.
func gearsIn(version string) string { return strings.Replace(gears, "/v1/", "/"+version+"/", 1) }

func (h *harness) stored(name string) *api.Object {
	h.Helper()
	obj, err := h.store.Get(context.Background(), api.Key{Kind: gearKind, Namespace: "default", Name: name})
	if err != nil {
		h.Fatal(err)
	}
	return obj
}

func TestAllVersionsShowTheSameObjects(t *testing.T) {
	h := start(t)
	all := []string{"v1alpha1", "v1beta1", "v1", "v2"}
	h.define(versioned("v1beta1", all...))
	created := h.want(h.post(gearsIn("v1"), gear), 201)
	if got := created.object(t).APIVersion; got != "example.org/v1" {
		t.Errorf("created %s", got)
	}
	if got := h.stored("a").APIVersion; got != "example.org/v1beta1" {
		t.Errorf("stored as %s", got)
	}
	for range 2 { // the second time out of what is kept
		for _, v := range all {
			contains(t, v, h.want(h.get(gearsIn(v)+"/a"), 200).body, `{"apiVersion":"example.org/`+v+`","kind":"Gear"`, `"teeth":12`)
			contains(t, v, h.want(h.get(gearsIn(v)), 200).body, `"apiVersion":"example.org/`+v+`","metadata"`, `{"apiVersion":"example.org/`+v+`","kind":"Gear"`)
			contains(t, v, h.want(h.get(gearsIn(v), "Accept", "application/json;as=Table;v=v1;g=meta.k8s.io"), 200).body, `"name":"In `+v+`"`, "12")
		}
	}
	h.want(h.merge(gearsIn("v2")+"/a", `{"spec":{"teeth":13}}`), 200)
	obj := h.want(h.get(gearsIn("v1alpha1")+"/a"), 200)
	contains(t, "patched in v2", obj.body, `"teeth":13`)
	h.want(h.put(gearsIn("v1alpha1")+"/a", strings.Replace(obj.body, `"teeth":13`, `"teeth":14`, 1)), 200)
	h.want(h.do("PATCH", gearsIn("v1")+"/a?fieldManager=x&force=true", `{"apiVersion":"example.org/v1","kind":"Gear","metadata":{"name":"a"},"spec":{"teeth":15}}`, "Content-Type", "application/apply-patch+yaml"), 200)
	contains(t, "applied in v1", h.want(h.get(gearsIn("v1beta1")+"/a"), 200).body, `"teeth":15`)
	if got := h.stored("a").APIVersion; got != "example.org/v1beta1" {
		t.Errorf("stored as %s", got)
	}
	h.refused(h.post(gearsIn("v2"), gear), 400, metav1.StatusReasonBadRequest, "does not match the expected apiVersion (example.org/v2)")
	h.want(h.do("DELETE", gearsIn("v2"), ""), 200)
	h.want(h.get(gearsIn("v1")+"/a"), 404)
}

func TestAWatchSpeaksItsVersion(t *testing.T) {
	h := start(t)
	h.define(versioned("v1beta1", "v1beta1", "v1"))
	client, err := dynamic.NewForConfig(h.config())
	if err != nil {
		t.Fatal(err)
	}
	watch, err := client.Resource(schema.GroupVersionResource{Group: "example.org", Version: "v1", Resource: "gears"}).Namespace("default").
		Watch(t.Context(), metav1.ListOptions{LabelSelector: "x!=y"})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Stop()
	h.want(h.post(gearsIn("v1beta1"), strings.Replace(gear, "org/v1", "org/v1beta1", 1)), 201)
	h.want(h.merge(gearsIn("v1beta1")+"/a", `{"spec":{"teeth":13}}`), 200)
	h.want(h.merge(gearsIn("v1beta1")+"/a", `{"metadata":{"labels":{"x":"y"}}}`), 200)
	for _, want := range []string{"ADDED 12", "MODIFIED 13", "DELETED 13"} {
		event := <-watch.ResultChan()
		raw, err := json.Marshal(event.Object)
		if err != nil {
			t.Fatal(err)
		}
		kind, teeth, _ := strings.Cut(want, " ")
		if string(event.Type) != kind {
			t.Errorf("%s: %s", event.Type, raw)
		}
		contains(t, want, string(raw), `"apiVersion":"example.org/v1",`, `"teeth":`+teeth)
	}
}

func TestTheVersionsOfAGroupAreInTheOrderOfKubernetes(t *testing.T) {
	h := start(t)
	h.define(versioned("v1", "v1alpha1", "v10", "v1beta2", "v1", "v2", "v1beta10"))
	want := []string{"v10", "v2", "v1", "v1beta10", "v1beta2", "v1alpha1"}
	var group metav1.APIGroup
	if err := json.Unmarshal([]byte(h.want(h.get("/apis/example.org"), 200).body), &group); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range group.Versions {
		got = append(got, v.Version)
	}
	if !slices.Equal(got, want) || group.PreferredVersion.Version != "v10" {
		t.Errorf("versions %v, preferred %s", got, group.PreferredVersion.Version)
	}
	aggregated := h.want(h.get("/apis", "Accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"), 200).body
	at := -1
	for _, v := range want {
		next := strings.Index(aggregated, `{"version":"`+v+`","resources":[{"resource":"gears"`)
		if next <= at {
			t.Errorf("aggregated discovery: %s is at %d, after one at %d", v, next, at)
		}
		at = next
	}
}

func TestADeprecatedVersionWarns(t *testing.T) {
	h := start(t)
	h.define(versioned("v1", "v1beta1", "v1"))
	warnings := func(a answer) []string { return a.header.Values("Warning") }
	const why = `299 - "example.org/v1beta1 Gear is deprecated; use example.org/v1 Gear"`
	body := strings.Replace(strings.Replace(gear, "org/v1", "org/v1beta1", 1), `"teeth"`, `"bogus":1,"teeth"`, 1)
	if got := warnings(h.want(h.post(gearsIn("v1beta1"), body), 201)); len(got) != 2 || got[0] != why || !strings.Contains(got[1], "spec.bogus") {
		t.Errorf("create: %q", got)
	}
	for _, path := range []string{gearsIn("v1beta1"), gearsIn("v1beta1") + "/a"} {
		if got := warnings(h.get(path)); len(got) != 1 || got[0] != why {
			t.Errorf("%s: %q", path, got)
		}
	}
	if got := warnings(h.get(gearsIn("v1") + "/a")); len(got) != 0 {
		t.Errorf("v1: %q", got)
	}
}

// TestObjectsAreWrittenAnewInTheStoredVersion: the stored version changes, a user writes all
// objects as they are, and the version that they were in can go.
func TestObjectsAreWrittenAnewInTheStoredVersion(t *testing.T) {
	h := start(t).manage()
	const definition = definitionsPath + "/gears.example.org"
	versionsStored := func(want string) func() bool {
		return func() bool { return strings.Contains(h.get(definition).body, `"storedVersions":[`+want+`]`) }
	}
	h.define(versioned("v1", "v1", "v2"))
	h.want(h.post(gears, gear), 201)
	eventually(t, "storedVersions", versionsStored(`"v1"`))
	spec := func(doc string) string {
		_, after, _ := strings.Cut(doc, `"spec":`)
		return `{"spec":` + after
	}
	h.want(h.merge(definition, spec(versioned("v2", "v1", "v2"))), 200)
	if got := h.stored("a").APIVersion; got != "example.org/v1" {
		t.Errorf("stored as %s", got)
	}
	eventually(t, "storedVersions", versionsStored(`"v1","v2"`))
	before := h.want(h.get(gears+"/a"), 200)
	after := h.want(h.put(gears+"/a", before.body), 200).object(t)
	if got := h.stored("a").APIVersion; got != "example.org/v2" || after.ResourceVersion == before.object(t).ResourceVersion {
		t.Errorf("stored as %s, resourceVersion %s", got, after.ResourceVersion)
	}
	h.refused(h.merge(definition, spec(versioned("v2", "v2"))), 422, metav1.StatusReasonInvalid, `status.storedVersions[0]: Invalid value: "v1": must appear in spec.versions`)
	h.want(h.merge(definition+"/status", `{"status":{"storedVersions":["v2"]}}`), 200)
	h.want(h.merge(definition, spec(versioned("v2", "v2"))), 200)
	h.want(h.get(gears), 404)
	contains(t, "the rest", h.want(h.get(gearsIn("v2")+"/a"), 200).body, `"teeth":12`)
}

// TestANewFormShowsInOldObjects: defaults appear, and fields that are no more do not.
func TestANewFormShowsInOldObjects(t *testing.T) {
	h := start(t)
	h.define(crd("gears", "Gear", "", "teeth"))
	h.want(h.post(gears, gear), 201)
	h.want(h.merge(definitionsPath+"/gears.example.org", `{"spec":{"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object",
		"properties":{"spec":{"type":"object","properties":{"colour":{"type":"string","default":"red"}}}}}},
		"selectableFields":[{"jsonPath":".spec.colour"}],
		"additionalPrinterColumns":[{"name":"Colour","type":"string","jsonPath":".spec.colour"}]}]}}`), 200)
	for _, path := range []string{gears + "/a", gears, gears + "?fieldSelector=spec.colour%3Dred"} {
		got := h.want(h.get(path), 200).body
		contains(t, path, got, `"spec":{"colour":"red"}`)
	}
	contains(t, "a table", h.get(gears, "Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").body, `"Colour"`, `["a","red"]`)
}

func TestDiscoveryIsJSONOrYAML(t *testing.T) {
	h := start(t)
	for _, path := range []string{"/api", "/apis", "/api/v1", "/apis/test.powernode.io", "/apis/test.powernode.io/v1"} {
		h.refused(h.get(path, "Accept", "application/vnd.kubernetes.protobuf"), 406, metav1.StatusReasonNotAcceptable, "application/json, application/yaml")
		yaml := h.want(h.get(path, "Accept", "application/yaml"), 200)
		if yaml.header.Get("Content-Type") != "application/yaml" || strings.HasPrefix(yaml.body, "{") || !strings.Contains(yaml.body, "kind: API") {
			t.Errorf("%s: %s", path, yaml)
		}
	}
	h.want(h.get("/apis/test.powernode.io/v7"), 404)
	h.want(h.get("/apis/nowhere.example.org"), 404)
}
