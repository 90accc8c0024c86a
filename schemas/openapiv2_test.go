package schemas_test

import (
	"bytes"
	"testing"

	openapiv2 "github.com/google/gnostic-models/openapiv2"
	"google.golang.org/protobuf/proto"
	kubeproto "k8s.io/kube-openapi/pkg/util/proto"
	"k8s.io/kube-openapi/pkg/util/proto/validation"
	"sigs.k8s.io/yaml"

	"github.com/powernode/powernode/schemas"
)

// models are what clients of OpenAPI v2 make of the document, by kind.
func models(t testing.TB, kinds ...*schemas.Kind) map[string]kubeproto.Schema {
	t.Helper()
	raw, err := schemas.OpenAPIv2(kinds)
	if err != nil {
		t.Fatal(err)
	}
	doc := &openapiv2.Document{}
	if err := proto.Unmarshal(raw, doc); err != nil {
		t.Fatal(err)
	}
	all, err := kubeproto.NewOpenAPIData(doc)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]kubeproto.Schema{}
	for _, name := range all.ListModels() {
		s := all.LookupModel(name)
		gvks, _ := s.GetExtensions()["x-kubernetes-group-version-kind"].([]any)
		for _, gvk := range gvks {
			kind, _ := gvk.(map[any]any)["kind"].(string)
			found[kind] = s
		}
	}
	return found
}

func TestOpenAPIv2ValidatesAsOldClientsDo(t *testing.T) {
	kind := widget(t, `
type: object
required: [name]
properties:
  name: {type: string}
  count: {type: integer, nullable: true}
  port: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}
  free: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {a: {type: string}}}
  tags: {type: object, additionalProperties: {type: string}}
  steps: {type: array, items: {type: object, required: [run], properties: {run: {type: string}}}}
`)
	s := models(t, kind)["Widget"]
	if s == nil {
		t.Fatal("there is no model of Widget")
	}
	for doc, want := range map[string]int{
		"{name: a, count: null, port: 80, free: {a: b, c: [1]}, tags: {a: b}, steps: [{run: x}]}": 0,
		"{name: a, port: http, count: 3}": 0,
		"{}":                              1,
		"{name: [3]}":                     1,
		"{name: a, bogus: 1}":             1,
		"{name: a, tags: {a: [1]}}":       1,
		"{name: a, steps: [{}]}":          1,
		"{name: a, steps: {run: x}}":      1,
	} {
		var tree map[string]any
		if err := yaml.Unmarshal([]byte("{apiVersion: example.com/v1, kind: Widget, metadata: {name: w, labels: {a: b}}, spec: "+doc+"}"), &tree); err != nil {
			t.Fatal(err)
		}
		if errs := validation.ValidateModel(tree, s, "Widget"); len(errs) != want {
			t.Errorf("%s: %d problems: %v", doc, len(errs), errs)
		}
	}
}

func TestOpenAPIv2HasAllKindsAndTheirLists(t *testing.T) {
	kinds, err := builtins()
	if err != nil {
		t.Fatal(err)
	}
	all := models(t, kinds...)
	for _, k := range kinds {
		if all[k.Kind] == nil || all[k.ListKind] == nil {
			t.Errorf("%s or its list is missing", k.Kind)
		}
	}
	spec := all["Pipeline"].(*kubeproto.Kind).Fields["spec"].(*kubeproto.Kind)
	if got := spec.Fields["steps"].GetDescription(); got == "" {
		t.Error("fields have no descriptions")
	}
}

// Old clients leave validation to the server if they find this.
func TestOpenAPIv2NamesFieldValidation(t *testing.T) {
	doc, err := schemas.Swagger([]*schemas.Kind{widget(t, "{type: object}")})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := openapiv2.ParseDocument(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range parsed.Paths.Path {
		if path.Name != "/apis/example.com/v1/namespaces/{namespace}/widgets/{name}" {
			continue
		}
		for _, p := range path.Value.Patch.Parameters {
			if query := p.GetParameter().GetNonBodyParameter().GetQueryParameterSubSchema(); query.GetName() == "fieldValidation" {
				return
			}
		}
	}
	t.Error("patch does not name the query parameter fieldValidation")
}

func TestOpenAPIv2IsTheSameEachTime(t *testing.T) {
	kinds, err := builtins()
	if err != nil {
		t.Fatal(err)
	}
	one, _ := schemas.OpenAPIv2(kinds)
	two, _ := schemas.OpenAPIv2(kinds)
	if !bytes.Equal(one, two) || len(one) == 0 {
		t.Errorf("%d bytes, then %d", len(one), len(two))
	}
	t.Logf("%d bytes", len(one))
}
