package schemas_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/powernode/powernode/schemas"
)

const everything = `
type: object
required: [name]
properties:
  name: {type: string, default: none}
  steps:
    type: array
    items:
      type: object
      properties:
        name: {type: string}
        minutes: {type: integer, default: 10}
        retries:
          type: object
          properties:
            limit: {type: integer, default: 2}
  inputs:
    type: object
    additionalProperties:
      type: object
      properties:
        kind: {type: string, default: string}
        default: {x-kubernetes-preserve-unknown-fields: true}
  labels: {type: object, additionalProperties: {type: string}}
  concurrency:
    type: object
    default: {}
    properties:
      policy: {type: string, enum: [Queue, Allow], default: Queue}
      group: {type: string, nullable: true, default: all}
  free:
    type: object
    x-kubernetes-preserve-unknown-fields: true
    properties:
      known:
        type: object
        properties: {a: {type: string}}
  whole:
    type: object
    x-kubernetes-embedded-resource: true
    properties: {spec: {type: object}}
  port: {x-kubernetes-int-or-string: true}
`

func TestPruneRemovesAndNamesWhatIsUnknown(t *testing.T) {
	k := widget(t, everything)
	for rule, test := range map[string]struct {
		doc, left string
		unknown   []string
	}{
		"fields at every depth": {
			"{a: 1, spec: {b: 2, steps: [{name: x}, {c: 3, name: z, retries: {d: 4}}], concurrency: {e: 5}}}",
			`{"spec":{"concurrency":{},"steps":[{"name":"x"},{"name":"z","retries":{}}]}}`,
			[]string{"a", "spec.b", "spec.concurrency.e", "spec.steps[1].c", "spec.steps[1].retries.d"},
		},
		"fields inside of a map, whose names are free": {
			"{spec: {inputs: {who: {kind: x, a: 1}}, labels: {any: thing}}}",
			`{"spec":{"inputs":{"who":{"kind":"x"}},"labels":{"any":"thing"}}}`,
			[]string{"spec.inputs[who].a"},
		},
		"metadata": {
			"{metadata: {name: a, bogus: 1, labels: {b: c}, ownerReferences: [{uid: u, x: 1}]}}",
			`{"metadata":{"labels":{"b":"c"},"name":"a","ownerReferences":[{"uid":"u"}]}}`,
			[]string{"metadata.bogus", "metadata.ownerReferences[0].x"},
		},
		"nothing of what is free, but of what is known in it": {
			"{spec: {free: {any: {thing: 1}, known: {a: x, b: y}}, inputs: {w: {default: {a: [1]}}}}}",
			`{"spec":{"free":{"any":{"thing":1},"known":{"a":"x"}},"inputs":{"w":{"default":{"a":[1]}}}}}`,
			[]string{"spec.free.known.b"},
		},
		"an embedded object keeps what every object has": {
			"{spec: {whole: {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {}, status: {}}}}",
			`{"spec":{"whole":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{}}}}`,
			[]string{"spec.whole.status"},
		},
		"only an embedded object has a kind of its own": {
			"{spec: {steps: [{kind: Pod, metadata: {}}]}}",
			`{"spec":{"steps":[{}]}}`,
			[]string{"spec.steps[0].kind", "spec.steps[0].metadata"},
		},
		"a wrong type is Validate's to tell": {
			"{spec: {steps: {a: 1}, labels: [x], name: {first: a}, port: {a: 1}}}",
			`{"spec":{"labels":["x"],"name":{"first":"a"},"port":{"a":1},"steps":{"a":1}}}`, nil,
		},
		"ten and more in the order of people": {
			"{spec: {steps: [{},{},{z: 1},{},{},{},{},{},{},{},{z: 1}]}}",
			`{"spec":{"steps":[{},{},{},{},{},{},{},{},{},{},{}]}}`,
			[]string{"spec.steps[2].z", "spec.steps[10].z"},
		},
	} {
		t.Run(rule, func(t *testing.T) {
			doc := document(t, k, test.doc)
			got := k.Prune(doc)
			var want []string
			for _, path := range test.unknown {
				want = append(want, `unknown field "`+path+`"`)
			}
			if !slices.Equal(got, want) {
				t.Errorf("named %q, want %q", got, want)
			}
			if left := encoded(t, doc); left != test.left {
				t.Errorf("left %s, want %s", left, test.left)
			}
		})
	}
}

func TestPruneExplainsWhatYAMLMisreads(t *testing.T) {
	k := widget(t, "{type: object, properties: {'on': {type: string}}}")
	got := k.Prune(document(t, k, "{spec: {on: x}}"))
	if want := []string{`unknown field "spec.true": YAML reads on as true, write "on"`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDefaultFillsInAtEveryDepth(t *testing.T) {
	k := widget(t, everything)
	for rule, test := range map[string]struct{ doc, want string }{
		"what is absent, and inside of it":      {"{spec: {}}", `{"spec":{"concurrency":{"group":"all","policy":"Queue"},"name":"none"}}`},
		"not what is there":                     {"{spec: {name: a, concurrency: {policy: Allow, group: g}}}", `{"spec":{"concurrency":{"group":"g","policy":"Allow"},"name":"a"}}`},
		"not inside of what is absent":          {"{}", `{}`},
		"in the items of a list":                {"{spec: {name: a, concurrency: {policy: Allow, group: g}, steps: [{}, {retries: {}}]}}", `{"spec":{"concurrency":{"group":"g","policy":"Allow"},"name":"a","steps":[{"minutes":10},{"minutes":10,"retries":{"limit":2}}]}}`},
		"in the values of a map":                {"{spec: {name: a, concurrency: {policy: Allow, group: g}, inputs: {x: {}}}}", `{"spec":{"concurrency":{"group":"g","policy":"Allow"},"inputs":{"x":{"kind":"string"}},"name":"a"}}`},
		"a null that is not allowed is absent":  {"{spec: {name: null, port: null, concurrency: {policy: null, group: g}}}", `{"spec":{"concurrency":{"group":"g","policy":"Queue"},"name":"none"}}`},
		"a null that is allowed stays":          {"{spec: {name: a, concurrency: {group: null}}}", `{"spec":{"concurrency":{"group":null,"policy":"Queue"},"name":"a"}}`},
		"a null in a map is absent":             {"{spec: {name: a, concurrency: {policy: Allow, group: g}, labels: {a: null, b: c}}}", `{"spec":{"concurrency":{"group":"g","policy":"Allow"},"labels":{"b":"c"},"name":"a"}}`},
		"a null where anything may be stays":    {"{spec: {name: a, concurrency: {policy: Allow, group: g}, inputs: {x: {kind: s, default: null}}}}", `{"spec":{"concurrency":{"group":"g","policy":"Allow"},"inputs":{"x":{"default":null,"kind":"s"}},"name":"a"}}`},
		"a null in metadata, as Go clients do":  {"{metadata: {name: a, creationTimestamp: null}}", `{"metadata":{"name":"a"}}`},
		"nothing into a value of another type":  {"{spec: {name: a, concurrency: x}}", `{"spec":{"concurrency":"x","name":"a"}}`},
		"nothing into a list of another type":   {"{spec: {name: a, concurrency: [x], steps: [z]}}", `{"spec":{"concurrency":["x"],"name":"a","steps":["z"]}}`},
		"nothing where only unknown fields are": {"{spec: {name: a, concurrency: {policy: Allow, group: g}, free: {x: null}}}", `{"spec":{"concurrency":{"group":"g","policy":"Allow"},"free":{"x":null},"name":"a"}}`},
	} {
		t.Run(rule, func(t *testing.T) {
			doc := document(t, k, test.doc)
			k.Default(doc)
			if got := encoded(t, doc); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestDefaultsAreNotShared(t *testing.T) {
	k := widget(t, everything)
	first, second := document(t, k, "{spec: {}}"), document(t, k, "{spec: {}}")
	k.Default(first)
	first["spec"].(map[string]any)["concurrency"].(map[string]any)["policy"] = "Allow"
	k.Default(second)
	if got := second["spec"].(map[string]any)["concurrency"].(map[string]any)["policy"]; got != "Queue" {
		t.Errorf("a change of one document shows in the next: %v", got)
	}
}

func TestDecode(t *testing.T) {
	k := widget(t, everything)
	doc, strict, err := k.Decode([]byte(`{"spec":{"a":1,"b":1.5,"c":1e3,"d":9223372036854775808,"name":"x","name":"y","steps":[{"name":"a","name":"b"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	spec := doc["spec"].(map[string]any)
	for name, want := range map[string]any{"a": int64(1), "b": 1.5, "c": 1000.0, "d": float64(1 << 63), "name": "y"} {
		if spec[name] != want {
			t.Errorf("%s is %T %v, want %T %v", name, spec[name], spec[name], want, want)
		}
	}
	if want := []string{`duplicate field "spec.name"`, `duplicate field "spec.steps[0].name"`}; !slices.Equal(strict, want) {
		t.Errorf("strict %q, want %q", strict, want)
	}
	for body, want := range map[string]string{
		"":        "read Widget: unexpected end of JSON input",
		"[1]":     "read Widget: the document is of type array, not an object",
		"null":    "read Widget: the document is of type null, not an object",
		"{} {}":   "read Widget: invalid character '{' after top-level value",
		`{"a":}`:  "read Widget: invalid character '}'",
		"spec: a": "read Widget: invalid character 's'",
	} {
		if _, _, err := k.Decode([]byte(body)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", body, err, want)
		}
	}
}

func encoded(t testing.TB, doc map[string]any) string {
	t.Helper()
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// wholeWay takes a document through what the server does with a body.
func wholeWay(k *schemas.Kind, doc map[string]any) []string {
	k.Prune(doc)
	k.Default(doc)
	return messages(k.Validate(doc, nil))
}
