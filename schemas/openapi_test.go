package schemas_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/kube-openapi/pkg/spec3"

	"github.com/powernode/powernode/schemas"
)

func openAPI(t testing.TB, group, version string, kinds ...*schemas.Kind) *spec3.OpenAPI {
	t.Helper()
	raw, err := schemas.OpenAPI(group, version, kinds)
	if err != nil {
		t.Fatal(err)
	}
	doc := &spec3.OpenAPI{}
	if err := json.Unmarshal(raw, doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// kubectl leaves validation to the server only if it finds this.
func TestPatchNamesFieldValidation(t *testing.T) {
	k := widget(t, everything)
	doc := openAPI(t, "example.com", "v1", k)
	patch := doc.Paths.Paths["/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"].Patch
	gvk, _ := json.Marshal(patch.Extensions["x-kubernetes-group-version-kind"])
	if string(gvk) != `{"group":"example.com","kind":"Widget","version":"v1"}` {
		t.Errorf("x-kubernetes-group-version-kind is %s", gvk)
	}
	if patch.Extensions["x-kubernetes-action"] != "patch" {
		t.Errorf("x-kubernetes-action is %v", patch.Extensions["x-kubernetes-action"])
	}
	if !slices.ContainsFunc(patch.Parameters, func(p *spec3.Parameter) bool { return p.Name == "fieldValidation" && p.In == "query" }) {
		t.Error("patch does not name the query parameter fieldValidation")
	}
}

func TestOpenAPIHasAllPaths(t *testing.T) {
	doc := openAPI(t, "", "v1", builtin(t, "Namespace"), builtin(t, "Secret"), widget(t, everything))
	for path, verbs := range map[string]string{
		"/api/v1/namespaces":                            "get post delete",
		"/api/v1/namespaces/{name}":                     "get put patch delete",
		"/api/v1/namespaces/{name}/status":              "get put patch",
		"/api/v1/secrets":                               "get",
		"/api/v1/namespaces/{namespace}/secrets":        "get post delete",
		"/api/v1/namespaces/{namespace}/secrets/{name}": "get put patch delete",
	} {
		p := doc.Paths.Paths[path]
		if p == nil {
			t.Errorf("%s is missing", path)
			continue
		}
		var got []string
		for _, o := range []struct {
			verb string
			op   *spec3.Operation
		}{{"get", p.Get}, {"post", p.Post}, {"put", p.Put}, {"patch", p.Patch}, {"delete", p.Delete}} {
			if o.op != nil {
				got = append(got, o.verb)
			}
		}
		if strings.Join(got, " ") != verbs {
			t.Errorf("%s has %v, want %s", path, got, verbs)
		}
	}
	if len(doc.Paths.Paths) != 6 {
		t.Errorf("%d paths; the kind of another group must not be there", len(doc.Paths.Paths))
	}
}

func TestOpenAPIIsTheSameEachTime(t *testing.T) {
	kinds, err := schemas.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	first, _ := schemas.OpenAPI("", "v1", kinds)
	for range 3 {
		again, err := schemas.OpenAPI("", "v1", kinds)
		if err != nil || string(first) != string(again) {
			t.Fatalf("differs; %v", err)
		}
	}
}

// Server-side apply tracks the items of a keyed list one by one.
func TestDefinitionsServeServerSideApply(t *testing.T) {
	k := widget(t, "{type: object, properties: {steps: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name], items: {type: object, required: [name], properties: {name: {type: string}, run: {type: string}}}}}}")
	definitions, err := schemas.Definitions([]*schemas.Kind{k, builtin(t, "Namespace"), builtin(t, "Event")})
	if err != nil {
		t.Fatal(err)
	}
	converter, err := managedfields.NewTypeConverter(definitions, false)
	if err != nil {
		t.Fatal(err)
	}
	typed, err := converter.ObjectToTyped(&unstructured.Unstructured{Object: document(t, k, "{apiVersion: example.com/v1, kind: Widget, metadata: {name: w, labels: {a: b}}, spec: {steps: [{name: one, run: x}]}}")})
	if err != nil {
		t.Fatal(err)
	}
	set, err := typed.ToFieldSet()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`.spec.steps[name="one"].run`, ".metadata.labels.a"} {
		if !strings.Contains(set.String(), want) {
			t.Errorf("%s is not tracked in %s", want, set)
		}
	}
}

func TestDefinitionsOfAllKindsServeServerSideApply(t *testing.T) {
	kinds, err := schemas.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	definitions, err := schemas.Definitions(kinds)
	if err != nil {
		t.Fatal(err)
	}
	converter, err := managedfields.NewTypeConverter(definitions, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		empty := map[string]any{"apiVersion": k.APIVersion(), "kind": k.Kind, "metadata": map[string]any{"name": "a"}}
		if _, err := converter.ObjectToTyped(&unstructured.Unstructured{Object: empty}); err != nil {
			t.Errorf("%s: %v", k.Kind, err)
		}
	}
}

// kubectl's three-way merge of core kinds reads the patch strategies.
func TestCoreKindsCarryPatchStrategies(t *testing.T) {
	doc := openAPI(t, "", "v1", builtin(t, "Namespace"))
	meta := strategicpatch.PatchMetaFromOpenAPIV3{SchemaList: doc.Components.Schemas, Schema: doc.Components.Schemas["io.k8s.api.core.v1.Namespace"]}
	status, _, err := meta.LookupPatchMetadataForStruct("status")
	if err != nil {
		t.Fatal(err)
	}
	_, conditions, err := status.LookupPatchMetadataForSlice("conditions")
	if err != nil {
		t.Fatal(err)
	}
	if conditions.GetPatchMergeKey() != "type" || !slices.Equal(conditions.GetPatchStrategies(), []string{"merge"}) {
		t.Errorf("conditions merge by %q, %q", conditions.GetPatchMergeKey(), conditions.GetPatchStrategies())
	}
	metadata, _, err := meta.LookupPatchMetadataForStruct("metadata")
	if err != nil {
		t.Fatal(err)
	}
	_, finalizers, err := metadata.LookupPatchMetadataForSlice("finalizers")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(finalizers.GetPatchStrategies(), []string{"merge"}) {
		t.Errorf("finalizers merge by %q", finalizers.GetPatchStrategies())
	}
}

func TestOpenAPIDescribesScaling(t *testing.T) {
	kinds, err := schemas.Kinds(object(t, gadgets))
	if err != nil {
		t.Fatal(err)
	}
	doc := openAPI(t, "example.com", "v1", kinds...)
	scale := doc.Paths.Paths["/apis/example.com/v1/namespaces/{namespace}/gadgets/{name}/scale"]
	if scale == nil || scale.Get == nil || scale.Put == nil || scale.Patch == nil {
		t.Fatalf("the path is %+v", scale)
	}
	if gvk, _ := json.Marshal(scale.Patch.Extensions["x-kubernetes-group-version-kind"]); string(gvk) != `{"group":"autoscaling","kind":"Scale","version":"v1"}` {
		t.Errorf("x-kubernetes-group-version-kind is %s", gvk)
	}
	ref := scale.Get.Responses.StatusCodeResponses[200].Content["application/json"].Schema.Ref.String()
	name := strings.TrimPrefix(ref, "#/components/schemas/")
	if s := doc.Components.Schemas[name]; s == nil || s.Properties["spec"].Properties["replicas"].Type[0] != "integer" {
		t.Errorf("%s is %+v", ref, s)
	}
	if other := openAPI(t, "example.com", "v1beta1", kinds...); other.Components.Schemas[name] != nil {
		t.Error("a version that does not scale describes it too")
	}
}
