package schematest_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/powernode/powernode/schemas"
	"github.com/powernode/powernode/schemas/schematest"
)

func kinds(t *testing.T) map[string]*schemas.Kind {
	t.Helper()
	all, err := schemas.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	byKey := map[string]*schemas.Kind{}
	for _, k := range all {
		byKey[k.Key()] = k
	}
	return byKey
}

func TestCoreKindsAgreeWithTheirGoTypes(t *testing.T) {
	all := kinds(t)
	for key, goType := range map[string]reflect.Type{
		"Namespace": reflect.TypeFor[corev1.Namespace](),
		"Secret":    reflect.TypeFor[corev1.Secret](),
		"ConfigMap": reflect.TypeFor[corev1.ConfigMap](),
		"Event":     reflect.TypeFor[corev1.Event](),
	} {
		if all[key] == nil {
			t.Errorf("there is no schema for %s", key)
			continue
		}
		for _, difference := range schematest.Agree(key, all[key].Schema, goType) {
			t.Error(difference)
		}
	}
}

func TestMetadataIsThatOfEveryKind(t *testing.T) {
	for key, k := range kinds(t) {
		for _, difference := range schematest.Agree(key+".metadata", k.Schema.Properties["metadata"], reflect.TypeFor[metav1.ObjectMeta]()) {
			t.Error(difference)
		}
	}
}

func TestAgreeTellsEveryDifference(t *testing.T) {
	type inner struct {
		A string `json:"a"`
	}
	type Embedded struct {
		Both int `json:"both,omitempty"`
	}
	type goType struct {
		Embedded `json:",inline"`
		OnlyGo   string                     `json:"onlyGo"`
		Wrong    int                        `json:"wrong"`
		List     []inner                    `json:"list"`
		Map      map[string]inner           `json:"map"`
		Free     map[string]json.RawMessage `json:"free"`
		When     *metav1.Time               `json:"when"`
		Port     intstr.IntOrString         `json:"port"`
		Bytes    []byte                     `json:"bytes"`
		Hidden   string                     `json:"-"`
		Ignored  func()                     `json:"-"`
	}
	str := &schemas.Schema{Type: "string"}
	s := &schemas.Schema{Type: "object", Properties: map[string]*schemas.Schema{
		"both":       {Type: "integer"},
		"onlySchema": str,
		"wrong":      str,
		"list":       {Type: "array", Items: &schemas.Schema{Type: "object", Properties: map[string]*schemas.Schema{"b": str}}},
		"map":        {Type: "object", AdditionalProperties: str},
		"free":       {Type: "object", AdditionalProperties: &schemas.Schema{PreserveUnknownFields: true}},
		"when":       str,
		"port":       str,
		"bytes":      str,
	}}
	got := schematest.Agree("spec", s, reflect.TypeFor[goType]())
	want := []string{
		`spec.bytes: the schema says "string"`,
		`spec.list[].a: a field of`,
		`spec.list[].b: a property without a field`,
		`spec.map{}: the schema says "string"`,
		`spec.onlyGo: a field of`,
		`spec.port: the schema says "string"`,
		`spec.when: the schema says "string"`,
		`spec.wrong: the schema says "string", Go says int`,
		`spec.onlySchema: a property without a field`,
	}
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEveryKindIsExplained(t *testing.T) {
	for _, k := range kinds(t) {
		for _, problem := range schematest.Lint(k) {
			t.Errorf("%s: %s", k.Kind, problem)
		}
	}
}
