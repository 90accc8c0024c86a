package server_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/powernode/powernode/api/leaktest"
)

// FuzzDefinitions: whatever somebody takes for a definition is refused or served, with all that is
// derived from it, and goes again.
func FuzzDefinitions(f *testing.F) {
	for _, doc := range []string{
		crd("gears", "Gear", `,"shortNames":["g"],"categories":["all"]`, "teeth"),
		versioned("v1", "v1alpha1", "v1"), bigDefinition(1),
		`{"metadata":{"name":"a.b.c"},"spec":{"group":"b.c","scope":"Cluster","names":{"plural":"a","kind":"A"},"versions":[{"name":"v1","served":true,"storage":true,
			"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}]}}`,
		`{}`, `[]`, `{"spec":{"versions":[null]}}`,
	} {
		f.Add(doc)
	}
	shared := start(f)
	leakless := leaktest.Watch(f)
	f.Fuzz(func(t *testing.T, doc string) {
		defer leakless(t)
		here := *shared
		h := &here
		h.TB = t
		a := h.post(definitionsPath, doc)
		if a.code >= http.StatusInternalServerError {
			t.Fatalf("%s: %s", doc, a)
		}
		if a.code != http.StatusCreated {
			return
		}
		obj := a.object(t)
		var spec struct {
			Group    string
			Names    struct{ Plural string }
			Versions []struct {
				Name   string
				Served bool
			}
		}
		if err := json.Unmarshal(obj.Spec, &spec); err != nil {
			t.Fatal(err)
		}
		for _, v := range spec.Versions {
			want := http.StatusNotFound
			if v.Served {
				want = http.StatusOK
			}
			for _, path := range []string{"/apis/" + spec.Group + "/" + v.Name + "/" + spec.Names.Plural, "/openapi/v3/apis/" + spec.Group + "/" + v.Name} {
				if got := h.get(path); got.code != want {
					t.Fatalf("%s\n%s: %s", doc, path, got)
				}
			}
			path := "/apis/" + spec.Group + "/" + v.Name + "/" + spec.Names.Plural
			if got := h.get(path, "Accept", "application/json;as=Table;v=v1;g=meta.k8s.io"); got.code != want {
				t.Fatalf("%s\n%s: %s", doc, path, got)
			}
		}
		if got := h.get("/openapi/v2"); got.code != http.StatusOK {
			t.Fatalf("%s\nOpenAPI v2: %s", doc, got)
		}
		h.want(h.do("DELETE", definitionsPath+"/"+obj.Name, ""), http.StatusOK)
		if got := h.merge(definitionsPath+"/"+obj.Name, `{"metadata":{"finalizers":null}}`); got.code != http.StatusOK {
			t.Fatalf("%s: %s", doc, got)
		}
	})
}
