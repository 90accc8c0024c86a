package schemas_test

import (
	"strings"
	"testing"

	"github.com/powernode/powernode/schemas"
)

func TestParseRefusesASchemaThatIsNotStructural(t *testing.T) {
	const at = "spec.versions[0].schema.openAPIV3Schema.properties[spec]"
	for rule, test := range map[string]struct{ schema, want string }{
		"no type":                   {"{description: x}", at + ".type: Required value: every field has a type"},
		"no schema":                 {"{type: object, properties: {a: null}}", at + ".properties[a]: Required value: a schema is an object with at least a type"},
		"a name for a schema":       {"{type: object, properties: {a: string}}", at + `.properties[a]: Invalid value: "string": must be an object`},
		"an unknown type":           {"{type: text}", at + `.type: Unsupported value: "text": supported values: "array", "boolean"`},
		"an unknown keyword":        {"{type: string, maxlength: 3}", at + ".maxlength: Forbidden: unknown keyword"},
		"a reference":               {"{$ref: '#/definitions/x'}", at + ".$ref: Forbidden: not allowed in a structural schema"},
		"a list of what":            {"{type: array}", at + ".items: Required value: say what the list's items are"},
		"properties and values":     {"{type: object, properties: {a: {type: string}}, additionalProperties: {type: string}}", at + ".additionalProperties: Forbidden: not together with properties"},
		"closed maps":               {"{type: object, additionalProperties: false}", at + ".additionalProperties: Forbidden"},
		"properties of a string":    {"{type: string, properties: {a: {type: string}}}", at + `.type: Invalid value: "string": must be object`},
		"items of a string":         {"{type: string, items: {type: string}}", at + `.type: Invalid value: "string": must be array`},
		"required twice":            {"{type: object, required: [a, a], properties: {a: {type: string}}}", at + `.required[1]: Duplicate value: "a"`},
		"a broken pattern":          {"{type: string, pattern: '['}", at + ".pattern: Invalid value"},
		"a broken key pattern":      {"{type: object, x-powernode-key-pattern: '[', additionalProperties: {type: string}}", at + ".x-powernode-key-pattern: Invalid value"},
		"an enum of another type":   {"{type: integer, enum: [a]}", at + `.enum[0]: Invalid value: "a": must be of type integer`},
		"an empty enum":             {"{type: string, enum: []}", at + ".enum: Required value"},
		"a negative length":         {"{type: string, minLength: -1}", at + ".minLength: Invalid value: -1: must be a whole number of at least 0"},
		"a bound that is a word":    {"{type: integer, minimum: low}", at + `.minimum: Invalid value: "low": must be a number`},
		"JSON Schema's own bounds":  {"{type: integer, exclusiveMinimum: 3}", at + ".exclusiveMinimum: Invalid value: 3: must be true or false"},
		"steps of nothing":          {"{type: integer, multipleOf: 0}", at + ".multipleOf: Invalid value: 0: must be greater than 0"},
		"int-or-string with a type": {"{type: string, x-kubernetes-int-or-string: true}", at + ".type: Forbidden: x-kubernetes-int-or-string says the type"},
		"a list type of a map":      {"{type: object, x-kubernetes-list-type: set}", at + `.x-kubernetes-list-type: Invalid value: "set": needs type array`},
		"an unknown list type":      {"{type: array, items: {type: string}, x-kubernetes-list-type: bag}", at + `.x-kubernetes-list-type: Unsupported value: "bag"`},
		"a set of objects":          {"{type: array, items: {type: object}, x-kubernetes-list-type: set}", at + ".x-kubernetes-list-type: Invalid value"},
		"a keyed list without keys": {"{type: array, items: {type: object}, x-kubernetes-list-type: map}", at + ".x-kubernetes-list-map-keys: Required value"},
		"keys that items lack":      {"{type: array, items: {type: object}, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name]}", at + `.x-kubernetes-list-map-keys[0]: Invalid value: "name": is not a property of the items`},
		"keys that may be absent":   {"{type: array, items: {type: object, properties: {name: {type: string}}}, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name]}", at + `.x-kubernetes-list-map-keys[0]: Invalid value: "name": must be required or have a default`},
		"keys without a keyed list": {"{type: array, items: {type: string}, x-kubernetes-list-map-keys: [name]}", at + ".x-kubernetes-list-map-keys: Forbidden"},
		"an unknown map type":       {"{type: object, x-kubernetes-map-type: loose}", at + `.x-kubernetes-map-type: Unsupported value: "loose"`},
		"an embedded string":        {"{type: string, x-kubernetes-embedded-resource: true}", at + ".x-kubernetes-embedded-resource: Invalid value"},
		"a type inside of a choice": {"{type: string, anyOf: [{type: string}]}", at + ".anyOf[0].type: Forbidden: say it outside of allOf, anyOf, oneOf and not"},
		"a default inside of one":   {"{type: string, allOf: [{default: a}]}", at + ".allOf[0].default: Forbidden"},
		"a field only inside":       {"{type: object, oneOf: [{properties: {a: {pattern: x}}}], properties: {b: {type: string}}}", at + `.oneOf[0].properties[a]: Invalid value: "a": is not among the properties outside`},
		"a default of another type": {"{type: object, properties: {a: {type: integer, default: x}}}", at + `.properties[a].default: Invalid value: "x": must be of type integer, not string`},
		"a default out of bounds":   {"{type: object, properties: {a: {type: integer, maximum: 3, default: 5}}}", at + ".properties[a].default: Invalid value: 5"},
		"a default with a surplus":  {"{type: object, default: {b: 1}, properties: {a: {type: string}}}", at + `.default.b: Forbidden: unknown field`},
	} {
		t.Run(rule, func(t *testing.T) {
			_, err := schemas.Parse([]byte(definition(test.schema)))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestParseRefusesADefinitionWithPath(t *testing.T) {
	good := definition("{type: object}")
	for rule, test := range map[string]struct{ old, new, want string }{
		"not a definition":     {"kind: CustomResourceDefinition", "kind: Pod", `kind: Unsupported value: "Pod"`},
		"an old version":       {"apiextensions.k8s.io/v1", "apiextensions.k8s.io/v1beta1", `apiVersion: Unsupported value`},
		"a wrong name":         {"widgets.example.com", "gadgets.example.com", `metadata.name: Invalid value: "gadgets.example.com": must be widgets.example.com`},
		"no scope":             {"scope: Namespaced", "scope: Galaxy", `spec.scope: Unsupported value: "Galaxy"`},
		"an unknown field":     {"scope: Namespaced", "scope: Namespaced\n  scale: x", `unknown field "spec.scale"`},
		"a duplicate field":    {"scope: Namespaced", "scope: Namespaced\n  scope: Cluster", `key "scope" already set`},
		"nothing stored":       {"storage: true", "storage: false", "spec.versions: Invalid value: 0: exactly one version has storage: true"},
		"stored, not served":   {"served: true", "served: false", "spec.versions[0].served: Invalid value: false"},
		"a webhook":            {"scope: Namespaced", "scope: Namespaced\n  conversion: {strategy: Webhook}", `spec.conversion.strategy: Unsupported value: "Webhook"`},
		"an odd plural":        {"plural: widgets", "plural: Widgets", "spec.names.plural: Invalid value"},
		"a root of no object":  {"          type: object\n          properties", "          type: array\n          items: {type: string}\n          properties", "spec.versions[0].schema.openAPIV3Schema.type"},
		"a column of nothing":  {"      schema:", "      additionalPrinterColumns: [{name: A, type: string, jsonPath: spec.a}]\n      schema:", `additionalPrinterColumns[0].jsonPath: Invalid value: "spec.a": must be a JSONPath such as .spec.type`},
		"a column of two":      {"      schema:", "      additionalPrinterColumns: [{name: A, type: string, jsonPath: '.a}{.b'}]\n      schema:", `additionalPrinterColumns[0].jsonPath: Invalid value: ".a}{.b": must be one JSONPath`},
		"a column of no type":  {"      schema:", "      additionalPrinterColumns: [{name: A, jsonPath: .a}]\n      schema:", `additionalPrinterColumns[0].type: Unsupported value: ""`},
		"a cell of two rules":  {"      schema:", "      additionalPrinterColumns: [{name: A, type: string, x-powernode-cell: {count: [.a], first: [.b]}}]\n      schema:", `additionalPrinterColumns[0].x-powernode-cell: Invalid value: exactly one of first, count and join must be set`},
		"a field twice":        {"      schema:", "      selectableFields: [{jsonPath: .a}, {jsonPath: .a}]\n      schema:", `selectableFields[1]: Duplicate value: "a"`},
		"rules about metadata": {"            spec:", "            metadata: {type: object, properties: {labels: {type: object}}}\n            spec:", "properties[metadata].properties[labels]: Forbidden: only name and generateName may be narrowed"},
	} {
		t.Run(rule, func(t *testing.T) {
			if !strings.Contains(good, test.old) {
				t.Fatalf("the good definition does not have %q", test.old)
			}
			_, err := schemas.Parse([]byte(strings.Replace(good, test.old, test.new, 1)))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestParseTakesWhatADefinitionSays(t *testing.T) {
	k := widget(t, "{type: object, description: What it does., properties: {size: {type: integer}}}")
	if k.Key() != "Widget.example.com" || k.APIVersion() != "example.com/v1" {
		t.Errorf("key %s, apiVersion %s", k.Key(), k.APIVersion())
	}
	if k.ListKind != "WidgetList" || k.Singular != "widget" || !k.Namespaced || k.StatusSubresource {
		t.Errorf("%+v", k)
	}
	if got := k.Schema.Properties["spec"].Properties["size"].Type; got != "integer" {
		t.Errorf("spec.size is %q", got)
	}
}

func TestParseNarrowsTheName(t *testing.T) {
	doc := strings.Replace(definition("{type: object}"), "            spec:", "            metadata: {type: object, properties: {name: {type: string, maxLength: 4}}}\n            spec:", 1)
	k, err := schemas.Parse([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	got := messages(k.Validate(document(t, k, "metadata: {name: short, labels: {a: b}}"), nil))
	if len(got) != 1 || got[0] != "metadata.name: Too long: may not be more than 4 characters" {
		t.Errorf("got %q", got)
	}
}

func TestParseNeedsASchema(t *testing.T) {
	head, _, _ := strings.Cut(definition("{type: object}"), "      schema:")
	_, err := schemas.Parse([]byte(head))
	const want = "spec.versions[0].schema.openAPIV3Schema: Required value"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
