package schemas_test

import (
	"slices"
	"testing"
)

// A schema that got stricter does not stop changes of what it has nothing to say about.
func TestWhatWasWrongBeforeAndDidNotChangeIsLetBe(t *testing.T) {
	k := widget(t, `
type: object
required: [name]
x-kubernetes-validations: [{rule: "!has(self.name) || self.name != 'old'", message: not old}]
properties:
  name: {type: string, maxLength: 5}
  size: {type: integer, maximum: 5}
  list: {type: array, maxItems: 3, items: {type: string, maxLength: 3, x-kubernetes-validations: [{rule: "self != 'bad'", message: not bad}]}}
  keyed:
    type: array
    maxItems: 3
    x-kubernetes-list-type: map
    x-kubernetes-list-map-keys: [id]
    items:
      type: object
      required: [id]
      properties:
        id: {type: string, maxLength: 5}
        num: {type: integer, maximum: 5, x-kubernetes-validations: [{rule: self != 0, message: not zero}]}
  either: {type: object, oneOf: [{required: [a]}, {required: [b]}], properties: {a: {type: string}, b: {type: string}}}
`)
	for rule, test := range map[string]struct {
		old, doc string
		want     []string
	}{
		"a value that stays":            {"{name: a, size: 9}", "{name: b, size: 9}", nil},
		"one that changes":              {"{name: a, size: 9}", "{name: a, size: 8}", []string{"spec.size: Invalid value: 8: must be at most 5"}},
		"one that is new":               {"{name: a}", "{name: a, size: 8}", []string{"spec.size: Invalid value: 8: must be at most 5"}},
		"a whole that stays":            {"{size: 1}", "{size: 1}", nil},
		"a gap in a whole that changes": {"{size: 1}", "{size: 2}", []string{"spec.name: Required value"}},
		"a list that stays":             {"{name: a, list: [long, x]}", "{name: b, list: [long, x]}", nil},
		"a list that changes":           {"{name: a, list: [long, x]}", "{name: a, list: [long, z]}", []string{"spec.list[0]: Too long: may not be more than 3 characters"}},
		"an item by its key":            {"{name: a, keyed: [{id: x, num: 9}, {id: w}]}", "{name: a, keyed: [{id: z}, {id: x, num: 9}]}", nil},
		"another item by its key":       {"{name: a, keyed: [{id: x, num: 9}, {id: w}]}", "{name: a, keyed: [{id: w, num: 9}]}", []string{"spec.keyed[0].num: Invalid value: 9: must be at most 5"}},
		"a choice":                      {"{name: a, either: {}}", "{name: b, either: {}}", []string{"spec.either: Invalid value: exactly one of a, b must be set"}},
		"a rule of a whole that stays":  {"{name: old}", "{name: old}", nil},
		"a rule of one that changes":    {"{name: old}", "{name: old, size: 1}", []string{"spec: Invalid value: not old"}},
		"a rule of an item by its key":  {"{name: a, keyed: [{id: x, num: 0}]}", "{name: b, keyed: [{id: z}, {id: x, num: 0}]}", nil},
		"a rule of an item of a list":   {"{name: a, list: [bad]}", "{name: a, list: [bad, x]}", []string{`spec.list[0]: Invalid value: "bad": not bad`}},
	} {
		t.Run(rule, func(t *testing.T) {
			old, doc := document(t, k, "spec: "+test.old), document(t, k, "spec: "+test.doc)
			if got := messages(k.Validate(doc, old)); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
