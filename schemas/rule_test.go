package schemas_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/powernode/powernode/schemas"
)

// team is a schema of spec with a rule of every sort.
const team = `
type: object
x-kubernetes-validations:
- {rule: self.min <= self.max, message: min must not be above max}
- {rule: "!has(self.lead) || self.lead in self.people.map(p, p.name)", fieldPath: .lead, reason: FieldValueForbidden, messageExpression: "'nobody is called ' + self.lead"}
- {rule: "!has(oldSelf.max) || self.max >= oldSelf.max"}
- {rule: "oldSelf.hasValue() ? true : self.min == 1", optionalOldSelf: true, message: must begin with 1}
properties:
  min: {type: integer, default: 1}
  max: {type: integer, maximum: 100, default: 9}
  lead: {type: string, maxLength: 20}
  start: {type: string, format: date-time}
  wait: {type: string, format: duration, x-kubernetes-validations: [{rule: self <= duration('1h'), message: at most an hour}]}
  port: {x-kubernetes-int-or-string: true, x-kubernetes-validations: [{rule: 'type(self) == int ? self > 0 : self != ""', message: must be a port}]}
  people:
    type: array
    default: []
    maxItems: 10
    x-kubernetes-list-type: map
    x-kubernetes-list-map-keys: [name]
    items:
      type: object
      required: [name]
      x-kubernetes-validations: [{rule: self.age >= oldSelf.age, message: nobody grows younger}]
      properties:
        name: {type: string, maxLength: 20}
        age: {type: integer, default: 0}
  notes:
    type: object
    maxProperties: 5
    additionalProperties: {type: string, maxLength: 9, x-kubernetes-validations: [{rule: "self.matches('^[a-z]*$')", message: lower case, reason: FieldValueInvalid}]}
`

func TestRulesAreKept(t *testing.T) {
	k := widget(t, team)
	for rule, test := range map[string]struct {
		old, doc string
		want     []string
	}{
		"all is well":                   {"", "{lead: ada, people: [{name: ada}], wait: 30m, port: 80, notes: {a: b}}", nil},
		"a rule with a message":         {"", "{min: 1, max: 0}", []string{"spec: Invalid value: min must not be above max"}},
		"one with all the trimmings":    {"", "{lead: bob, people: [{name: ada}]}", []string{"spec.lead: Forbidden: nobody is called bob"}},
		"one without a message":         {"{max: 5}", "{max: 4}", []string{"spec: Invalid value: failed rule: !has(oldSelf.max) || self.max >= oldSelf.max"}},
		"a change that may be":          {"{max: 5}", "{max: 6, min: 2}", nil},
		"one asked of a create too":     {"", "{min: 2}", []string{"spec: Invalid value: must begin with 1"}},
		"a duration":                    {"", "{wait: 2h}", []string{`spec.wait: Invalid value: "2h": at most an hour`}},
		"a number of either":            {"", "{port: -1}", []string{"spec.port: Invalid value: -1: must be a port"}},
		"a word of either":              {"", "{port: ''}", []string{`spec.port: Invalid value: "": must be a port`}},
		"a value of a map":              {"", "{notes: {a: B}}", []string{`spec.notes[a]: Invalid value: "B": lower case`}},
		"an item by its key":            {"{people: [{name: ada, age: 3}, {name: bob, age: 9}]}", "{people: [{name: bob, age: 9}, {name: ada, age: 2}]}", []string{"spec.people[1]: Invalid value: nobody grows younger"}},
		"an item that is new":           {"{people: [{name: ada, age: 3}]}", "{people: [{name: bob, age: 2}]}", nil},
		"no rules for a wrong document": {"", "{min: 3, max: many}", []string{`spec.max: Invalid value: "many": must be of type integer, not string`}},
	} {
		t.Run(rule, func(t *testing.T) {
			doc := document(t, k, "spec: "+test.doc)
			k.Default(doc)
			var old map[string]any
			if test.old != "" {
				old = document(t, k, "spec: "+test.old)
				k.Default(old)
			}
			if got := messages(k.Validate(doc, old)); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestRulesThatCannotBeAreRefusedWithTheirPath(t *testing.T) {
	const node = "spec.versions[0].schema.openAPIV3Schema.properties[spec]"
	const at = node + ".x-kubernetes-validations[0]"
	for rule, test := range map[string]struct{ schema, want string }{
		"an unknown field":          {"{type: object, x-kubernetes-validations: [{rule: self.a > 1}]}", at + `.rule: Invalid value: "self.a > 1": compilation failed: ERROR: <input>:1:5: undefined field 'a'`},
		"nonsense":                  {"{type: object, x-kubernetes-validations: [{rule: '1 +'}]}", at + `.rule: Invalid value: "1 +": compilation failed`},
		"a number":                  {"{type: object, x-kubernetes-validations: [{rule: '1'}]}", at + `.rule: Invalid value: "1": cel expression must evaluate to a bool`},
		"types that don't fit":      {"{type: integer, x-kubernetes-validations: [{rule: self == 'a'}]}", at + `.rule: Invalid value: "self == 'a'": compilation failed`},
		"a message of a number":     {"{type: integer, x-kubernetes-validations: [{rule: self > 1, messageExpression: self}]}", at + `.messageExpression: Invalid value: "self": messageExpression must evaluate to a string`},
		"no rule":                   {"{type: object, x-kubernetes-validations: [{message: a}]}", at + ".rule: Required value"},
		"a rule of a list":          {"{type: object, x-kubernetes-validations: [{rule: [a]}]}", at + ".rule: Invalid value: must be a string"},
		"a bare rule":               {"{type: object, x-kubernetes-validations: [self.a]}", at + `: Invalid value: "self.a": must be an object with a rule`},
		"an unknown word":           {"{type: object, x-kubernetes-validations: [{rule: 'true', msg: a}]}", at + ".msg: Forbidden: unknown field"},
		"an unknown reason":         {"{type: object, x-kubernetes-validations: [{rule: 'true', reason: Because}]}", at + `.reason: Unsupported value: "Because"`},
		"a message of lines":        {`{type: object, x-kubernetes-validations: [{rule: 'true', message: "a\nb"}]}`, at + ".message: Invalid value: \"a\\nb\": must be one line"},
		"lines without a message":   {`{type: object, x-kubernetes-validations: [{rule: "true ||\nfalse"}]}`, at + ".message: Required value"},
		"a path to nowhere":         {"{type: object, x-kubernetes-validations: [{rule: 'true', fieldPath: .a}], properties: {b: {type: string}}}", at + `.fieldPath: Invalid value: ".a": must be the path of a field below this one`},
		"a rule on what is unknown": {"{type: object, properties: {a: {x-kubernetes-preserve-unknown-fields: true, x-kubernetes-validations: [{rule: 'true'}]}}}", node + ".properties[a].x-kubernetes-validations: Forbidden: rules can't see this value"},
		"a choice of rules":         {"{type: object, anyOf: [{x-kubernetes-validations: [{rule: 'true'}]}]}", node + ".anyOf[0].x-kubernetes-validations: Forbidden"},
		"a wrong rule in a branch":  {"{type: object, allOf: [{x-kubernetes-validations: [{rule: self.a}]}]}", node + ".allOf[0].x-kubernetes-validations[0].rule: Invalid value"},
		"old items of an atomic list": {"{type: array, items: {type: integer, x-kubernetes-validations: [{rule: self >= oldSelf}]}}",
			node + ".items.x-kubernetes-validations[0].rule: Invalid value: \"self >= oldSelf\": oldSelf can't be used below " + node + ": its items can't be told from those of before"},
		"old fields of items of a set": {"{type: array, x-kubernetes-list-type: atomic, items: {type: object, properties: {a: {type: integer, x-kubernetes-validations: [{rule: self >= oldSelf}]}}}}",
			"oldSelf can't be used below " + node + ":"},
		"old fields of an atomic object": {"{type: object, x-kubernetes-map-type: atomic, properties: {a: {type: integer, x-kubernetes-validations: [{rule: self >= oldSelf}]}}}",
			"oldSelf can't be used below " + node + ":"},
		"a wrong rule deep in a branch": {"{type: object, properties: {a: {type: array, maxItems: 3, items: {type: integer}}}, allOf: [{properties: {a: {items: {x-kubernetes-validations: [{rule: self == 'x'}]}}}}]}",
			node + ".allOf[0].properties[a].items.x-kubernetes-validations[0].rule: Invalid value"},
		"a default that breaks its rule": {"{type: object, properties: {a: {type: integer, default: 3, x-kubernetes-validations: [{rule: self < 3, message: small}]}}}", node + ".properties[a].default: Invalid value: 3: small"},
		"a default that is completed":    {"{type: object, default: {}, properties: {a: {type: integer, default: 3}}, x-kubernetes-validations: [{rule: self.a < 3, message: small}]}", node + ".default: Invalid value: small"},
		"an optional of nothing":         {"{type: integer, x-kubernetes-validations: [{rule: self > 1, optionalOldSelf: true}]}", at + ".optionalOldSelf: Invalid value: true: only for a rule with oldSelf"},
		"one that may cost a lot":        {"{type: array, items: {type: string}, x-kubernetes-validations: [{rule: 'self.all(a, self.all(b, a == b))'}]}", at + ".rule: Forbidden: the estimated cost of the rule is more than 100 times what is allowed: make it simpler, or bound what it walks over with maxItems, maxProperties and maxLength"},
		"one that shows a secret":        {"{type: object, properties: {a: {type: string, x-powernode-sensitive: true, x-kubernetes-validations: [{rule: self != ''}]}}}", node + ".properties[a].x-kubernetes-validations: Forbidden: an error would show the value"},
		"many that cost a lot together": {"{type: object, properties: {" + strings.Join(expensive(20, 1200), ", ") + "}}",
			"spec.versions[0].schema.openAPIV3Schema: Forbidden: the estimated cost of all rules is"},
	} {
		t.Run(rule, func(t *testing.T) {
			_, err := schemas.Parse([]byte(definition(test.schema)))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

// expensive are n properties, lists of at most so many items, each with a rule that may just be.
func expensive(n, items int) (properties []string) {
	for i := range n {
		properties = append(properties, fmt.Sprintf("p%d: {type: array, maxItems: %d, items: {type: integer}, x-kubernetes-validations: [{rule: 'self.all(a, self.all(b, a == b))'}]}", i, items))
	}
	return properties
}

// The estimate is of the worst case; when it comes, the rule is stopped.
func TestARuleThatRunsAwayIsStopped(t *testing.T) {
	k := widget(t, "{type: object, properties: {"+expensive(1, 1200)[0]+"}}")
	items := slices.Repeat([]any{int64(1)}, 1200)
	got := messages(k.Validate(map[string]any{"spec": map[string]any{"p0": items}}, nil))
	if len(got) != 1 || !strings.HasPrefix(got[0], "spec.p0: Invalid value: \"array\": 'operation cancelled: actual cost limit exceeded': no further validation rules will be run") {
		t.Errorf("got %q", got)
	}
}

// An object has a budget for all its rules.
func TestManyRulesTogetherAreStopped(t *testing.T) {
	// Each rule costs some 600,000 as CEL counts, and next to no time.
	const length, pattern = 12_000, 2000
	rule := "self.matches('" + strings.Repeat("x", pattern) + "')"
	var properties []string
	spec := map[string]any{}
	for i := range 20 {
		properties = append(properties, fmt.Sprintf("p%d: {type: string, maxLength: %d, x-kubernetes-validations: [{rule: %q}]}", i, length, rule))
		spec[fmt.Sprintf("p%d", i)] = strings.Repeat("x", length)
	}
	k := widget(t, "{type: object, properties: {"+strings.Join(properties, ", ")+"}}")
	got := messages(k.Validate(map[string]any{"spec": spec}, nil))
	if len(got) != 1 || !strings.HasSuffix(got[0], `Invalid value: "string": validation failed due to running out of cost budget, no further validation rules will be run`) {
		t.Errorf("got %q", got)
	}
}

// Kubernetes' own functions are there.
func TestRulesHaveTheFunctionsOfKubernetes(t *testing.T) {
	for _, rule := range []string{
		"url('https://a.b/c').getHost() == 'a.b'", "ip('10.0.0.1').family() == 4", "cidr('10.0.0.0/8').containsIP('10.1.2.3')",
		"quantity('1Ki').isGreaterThan(quantity('1'))", "'a1'.find('[0-9]') == '1'", "[1, 2].isSorted()", "[1, 2].sum() == 3",
		"'%s is %d'.format(['a', 1]) == 'a is 1'", "isSemver('1.2.3')", "'a,b'.split(',')[1] == 'b'",
		"format.dns1123Label().validate('a').hasValue() == false", "sets.contains([1, 2], [1])", "[1, 2].exists_one(i, i == 1)",
		"self.metadata.name.startsWith('w')", "self.kind == 'Widget'", "timestamp('2026-01-01T00:00:00Z').getFullYear() == 2026",
		"[1, 2].all(i, j, i < j)", "{'a': 1}.transformMap(k, v, v + 1) == {'a': 2}", "self.?spec.orValue({}) == {}",
	} {
		doc := strings.Replace(definition("{type: object, additionalProperties: {type: string, maxLength: 3}, maxProperties: 3}"),
			"          type: object\n", fmt.Sprintf("          type: object\n          x-kubernetes-validations: [{rule: %q}]\n", rule), 1)
		k, err := schemas.Parse([]byte(doc))
		if err != nil {
			t.Errorf("%s: %v", rule, err)
			continue
		}
		tree := document(t, k, "{apiVersion: example.com/v1, kind: Widget, metadata: {name: w}}")
		if got := k.Validate(tree, nil); len(got) > 0 {
			t.Errorf("%s: %v", rule, got)
		}
	}
}
