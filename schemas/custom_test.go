package schemas_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/powernode/powernode/schemas"
)

// gadgets is a definition of three versions, as an operator's would be.
const gadgets = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.example.com, creationTimestamp: null, annotations: {controller-gen.kubebuilder.io/version: v0.16.0}}
spec:
  group: example.com
  names: {kind: Gadget, plural: gadgets, shortNames: [gd], categories: [all]}
  scope: Namespaced
  conversion: {strategy: None}
  versions:
    - name: v1alpha1
      served: true
      storage: false
      deprecated: true
      schema: &schema
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                size: {type: integer, format: int32}
                port: {anyOf: [{type: integer}, {type: string}], x-kubernetes-int-or-string: true}
            status: {type: object, x-kubernetes-preserve-unknown-fields: true}
    - name: v1beta1
      served: true
      storage: false
      deprecated: true
      deprecationWarning: v1beta1 is old hat
      schema: *schema
    - name: v1
      served: true
      storage: true
      schema: *schema
      subresources:
        status: {}
        scale: {specReplicasPath: .spec.size, statusReplicasPath: .status.size}
      additionalPrinterColumns:
        - {name: Size, type: integer, jsonPath: .spec.size}
      selectableFields:
        - jsonPath: .spec.size
status: {storedVersions: [v1], conditions: [{type: Established, status: "True"}]}
`

func TestEveryServedVersionIsAKindOfItsOwn(t *testing.T) {
	kinds, err := schemas.Kinds(object(t, gadgets))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range kinds {
		got = append(got, fmt.Sprintf("%s %s stored as %s %s, status %v, warning %q", k.APIVersion(), k.ListKind, k.StoredVersion, k.Stored, k.StatusSubresource, k.DeprecationWarning))
	}
	want := []string{
		`example.com/v1alpha1 GadgetList stored as example.com/v1 Gadget.example.com, status false, warning "example.com/v1alpha1 Gadget is deprecated; use example.com/v1 Gadget"`,
		`example.com/v1beta1 GadgetList stored as example.com/v1 Gadget.example.com, status false, warning "v1beta1 is old hat"`,
		`example.com/v1 GadgetList stored as example.com/v1 Gadget.example.com, status true, warning ""`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

func TestAVersionThatIsNotServedMakesNoKind(t *testing.T) {
	kinds, err := schemas.Kinds(object(t, strings.Replace(gadgets, "served: true", "served: false", 1)))
	if err != nil || len(kinds) != 2 || kinds[0].Version != "v1beta1" {
		t.Errorf("%d kinds, %v", len(kinds), err)
	}
}

// A version to go to is served and in good standing.
func TestADeprecatedVersionSendsNobodyToAWorseOne(t *testing.T) {
	doc := strings.NewReplacer("name: v1\n      served: true", "name: v1\n      served: false", "deprecated: true\n      deprecationWarning: v1beta1 is old hat", "deprecated: true").Replace(gadgets)
	kinds, err := schemas.Kinds(object(t, doc))
	if err != nil || len(kinds) != 2 {
		t.Fatalf("%d kinds, %v", len(kinds), err)
	}
	if got := kinds[0].DeprecationWarning; got != "example.com/v1alpha1 Gadget is deprecated" {
		t.Errorf("got %q", got)
	}
}

func TestADefinitionIsValidatedWithPaths(t *testing.T) {
	if problems := schemas.ValidateDefinition(object(t, gadgets), nil); len(problems) > 0 {
		t.Fatal(problems)
	}
	for rule, test := range map[string]struct{ old, new, want string }{
		"a group of Kubernetes' own":       {"example.com", "apps.k8s.io", `metadata.annotations[api-approved.kubernetes.io]: Required value`},
		"a webhook":                        {"{strategy: None}", "{strategy: Webhook, webhook: {}}", `spec.conversion.strategy: Unsupported value: "Webhook": supported values: "None"`},
		"a wrong schema, not stored":       {"{type: integer, format: int32}", "{type: int}", `spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[size].type: Unsupported value: "int"`},
		"two versions of one name":         {"name: v1beta1", "name: v1alpha1", `spec.versions[1].name: Duplicate value: "v1alpha1"`},
		"a warning of a version in use":    {"deprecated: true\n      deprecationWarning", "deprecationWarning", `spec.versions[1].deprecationWarning: Invalid value: "v1beta1 is old hat"`},
		"a scale of the status":            {"specReplicasPath: .spec.size", "specReplicasPath: .status.size", `spec.versions[2].subresources.scale.specReplicasPath: Invalid value: ".status.size": must be a JSONPath of fields below .spec.`},
		"a scale of nothing":               {"statusReplicasPath: .status.size", "statusReplicasPath: ''", `spec.versions[2].subresources.scale.statusReplicasPath: Required value`},
		"a field that is not there":        {"- jsonPath: .spec.size", "- jsonPath: .spec.weight", `spec.versions[2].selectableFields[0].jsonPath: Invalid value: ".spec.weight": must be the path of a field of the schema`},
		"a field of many":                  {"- jsonPath: .spec.size", "- jsonPath: .spec", `spec.versions[2].selectableFields[0].jsonPath: Invalid value: ".spec": must be a field of type boolean, integer or string`},
		"a field of metadata":              {"- jsonPath: .spec.size", "- jsonPath: .metadata.name", `spec.versions[2].selectableFields[0].jsonPath: Invalid value: ".metadata.name": must not be of metadata`},
		"a column without a type":          {"{name: Size, type: integer,", "{name: Size,", `spec.versions[2].additionalPrinterColumns[0].type: Unsupported value: ""`},
		"a column of something that's off": {"jsonPath: .spec.size}", "jsonPath: spec.size}", `spec.versions[2].additionalPrinterColumns[0].jsonPath: Invalid value: "spec.size"`},
	} {
		t.Run(rule, func(t *testing.T) {
			if !strings.Contains(gadgets, test.old) {
				t.Fatalf("the good definition does not have %q", test.old)
			}
			got := strings.Join(messages(schemas.ValidateDefinition(object(t, strings.ReplaceAll(gadgets, test.old, test.new)), nil)), "\n")
			if !strings.Contains(got, test.want) {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if _, err := schemas.Kinds(object(t, strings.ReplaceAll(gadgets, test.old, test.new))); err == nil && rule != "a group of Kubernetes' own" {
				t.Error("it makes kinds nevertheless")
			}
		})
	}
}

func TestTheCoreGroupIsClosed(t *testing.T) {
	doc := strings.NewReplacer("gadgets.example.com", "gadgets", "group: example.com", "group: ''").Replace(gadgets)
	want := []string{"spec.group: Required value: the core group is closed; use a domain such as example.com"}
	if got := messages(schemas.ValidateDefinition(object(t, doc), nil)); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestWhatMayNotChangeInADefinition(t *testing.T) {
	for rule, test := range map[string]struct {
		old, new string
		want     []string
	}{
		"the scope":        {"scope: Namespaced", "scope: Cluster", []string{`spec.scope: Invalid value: "Cluster": field is immutable`}},
		"the kind":         {"kind: Gadget,", "kind: Gizmo,", []string{`spec.names.kind: Invalid value: "Gizmo": field is immutable`}},
		"a short name may": {"[gd]", "[gdg]", nil},
		"a version that objects are stored in": {"storedVersions: [v1]", "storedVersions: [v1, v0]", []string{
			`status.storedVersions[1]: Invalid value: "v0": must appear in spec.versions: objects may be stored in it until they were all written anew and it was removed from status.storedVersions`}},
		"the version that is written": {"storedVersions: [v1]", "storedVersions: [v1beta1]", []string{`status.storedVersions: Invalid value: ["v1beta1"]: must have the stored version v1`}},
	} {
		t.Run(rule, func(t *testing.T) {
			changed := object(t, strings.Replace(gadgets, test.old, test.new, 1))
			if got := messages(schemas.ValidateDefinition(changed, object(t, gadgets))); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestAnotherVersionMayBecomeTheStoredOne(t *testing.T) {
	doc := strings.Replace(strings.Replace(gadgets, "storage: true", "storage: false", 1), "storage: false", "storage: true", 1)
	if got := schemas.ValidateDefinition(object(t, doc), object(t, gadgets)); len(got) > 0 {
		t.Error(got)
	}
}

func TestBeforeItIsEstablishedAScopeMayChange(t *testing.T) {
	fresh := strings.Replace(gadgets, `status: "True"`, `status: "False"`, 1)
	changed := object(t, strings.Replace(fresh, "scope: Namespaced", "scope: Cluster", 1))
	if got := schemas.ValidateDefinition(changed, object(t, fresh)); len(got) > 0 {
		t.Error(got)
	}
}

func TestAStatusCanBeWrittenForASpecThatIsWrongByNow(t *testing.T) {
	wrong := strings.Replace(gadgets, "{type: integer, format: int32}", "{type: int}", 1)
	old, changed := object(t, wrong), object(t, wrong)
	changed.Status = []byte(`{"storedVersions":["v1"],"conditions":[]}`)
	if got := schemas.ValidateDefinition(changed, old); len(got) > 0 {
		t.Error(got)
	}
}

func TestACompleteDefinitionHasAllItsNames(t *testing.T) {
	k := builtin(t, schemas.DefinitionKind)
	doc := document(t, k, "{spec: {names: {kind: Gadget, plural: gadgets, singular: thing}}}")
	schemas.CompleteDefinition(doc)
	if got := text(doc); got != `{"spec":{"names":{"kind":"Gadget","listKind":"GadgetList","plural":"gadgets","singular":"thing"}}}` {
		t.Error(got)
	}
	schemas.CompleteDefinition(map[string]any{"spec": "odd"})
}

// A keyword that nobody knows is an unknown field like any other; one that is
// refused stays, so that validation can say why.
func TestUnknownKeywordsOfASchemaArePruned(t *testing.T) {
	k := builtin(t, schemas.DefinitionKind)
	doc := document(t, k, `
metadata: {name: a}
spec:
  versions:
    - name: v1
      schema:
        openAPIV3Schema:
          type: object
          x-vendor: {deep: 1}
          properties:
            odd: {type: array, items: {type: string, maxLenght: 3, $ref: x}}
            typo: {anyOf: [{minimun: 3}, {not: {a: b}}], additionalProperties: {x: y}, properties: {title: {tilte: x}}}
`)
	want := []string{
		`unknown field "spec.versions[0].schema.openAPIV3Schema.properties[odd].items.maxLenght"`,
		`unknown field "spec.versions[0].schema.openAPIV3Schema.properties[typo].additionalProperties.x"`,
		`unknown field "spec.versions[0].schema.openAPIV3Schema.properties[typo].anyOf[0].minimun"`,
		`unknown field "spec.versions[0].schema.openAPIV3Schema.properties[typo].anyOf[1].not.a"`,
		`unknown field "spec.versions[0].schema.openAPIV3Schema.properties[typo].properties[title].tilte"`,
		`unknown field "spec.versions[0].schema.openAPIV3Schema.x-vendor"`,
	}
	if got := k.Prune(doc); !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	if !strings.Contains(text(doc), `"$ref":"x"`) || strings.Contains(text(doc), "x-vendor") {
		t.Errorf("left: %s", text(doc))
	}
}
