package schemas_test

import (
	"slices"
	"testing"
)

// The messages are what a user reads; they are part of the contract.
func TestValidateSaysWhatIsWrongAndWhere(t *testing.T) {
	for _, test := range []struct {
		rule, schema, spec string
		want               []string
	}{
		{"a wrong type", "{type: object, properties: {num: {type: integer}}}", "{num: soon}",
			[]string{`spec.num: Invalid value: "soon": must be of type integer, not string`}},
		{"a number that is not whole", "{type: object, properties: {num: {type: integer}}}", "{num: 1.5}",
			[]string{`spec.num: Invalid value: 1.5: must be of type integer, not number`}},
		{"a whole number written with a fraction", "{type: object, properties: {num: {type: integer}}}", "{num: 2.0}", nil},
		{"an object for a list", "{type: object, properties: {l: {type: array, items: {type: string}}}}", "{l: {a: b}}",
			[]string{`spec.l: Invalid value: must be of type array, not object`}},
		{"null where it is not allowed", "{type: array, items: {type: string}}", "[null]",
			[]string{`spec[0]: Invalid value: null: must be of type string, not null`}},
		{"null where it is", "{type: object, properties: {s: {type: string, nullable: true}}}", "{s: null}", nil},
		{"what is missing, all of it", "{type: object, required: [a, b], properties: {a: {type: string}, b: {type: string}}}", "{}",
			[]string{"spec.a: Required value", "spec.b: Required value"}},
		{"an unknown word", "{type: object, properties: {s: {type: string, enum: [Queue, Allow]}}}", "{s: Wait}",
			[]string{`spec.s: Unsupported value: "Wait": supported values: "Queue", "Allow"`}},
		{"a pattern", "{type: object, properties: {s: {type: string, pattern: '^[a-z]+$'}}}", "{s: A1}",
			[]string{`spec.s: Invalid value: "A1": must match ^[a-z]+$`}},
		{"too short", "{type: object, properties: {s: {type: string, minLength: 1}}}", `{s: ""}`,
			[]string{`spec.s: Invalid value: "": must be at least 1 character long`}},
		{"too long, in characters", "{type: object, properties: {s: {type: string, maxLength: 3}}}", `{s: äöü!}`,
			[]string{`spec.s: Too long: may not be more than 3 characters`}},
		{"as long as it may be, in characters", "{type: object, properties: {s: {type: string, maxLength: 3}}}", `{s: äöü}`, nil},
		{"out of a range", "{type: object, properties: {num: {type: integer, minimum: 1, maximum: 360}}}", "{num: 0}",
			[]string{`spec.num: Invalid value: 0: must be from 1 to 360`}},
		{"too small", "{type: object, properties: {num: {type: integer, minimum: 1}}}", "{num: 0}",
			[]string{`spec.num: Invalid value: 0: must be at least 1`}},
		{"the excluded bound", "{type: object, properties: {num: {type: number, minimum: 0, exclusiveMinimum: true, maximum: 1, exclusiveMaximum: true}}}", "{num: 1.0}",
			[]string{`spec.num: Invalid value: 1: must be greater than 0 and less than 1`}},
		{"between the steps", "{type: object, properties: {num: {type: number, multipleOf: 0.5}}}", "{num: 0.7}",
			[]string{`spec.num: Invalid value: 0.7: must be a multiple of 0.5`}},
		{"too many items", "{type: array, maxItems: 1, items: {type: integer}}", "[1, 2]",
			[]string{`spec: Too many: 2: must have at most 1 item`}},
		{"too few items", "{type: array, minItems: 1, items: {type: integer}}", "[]",
			[]string{`spec: Too few: 0: must have at least 1 item`}},
		{"too many entries", "{type: object, maxProperties: 1, additionalProperties: {type: integer}}", "{a: 1, b: 2}",
			[]string{`spec: Too many: 2: must have at most 1 item`}},
		{"too few entries", "{type: object, minProperties: 1, additionalProperties: {type: integer}}", "{}",
			[]string{`spec: Too few: 0: must have at least 1 item`}},
		{"repeated items", "{type: array, uniqueItems: true, items: {type: string}}", "[a, b, a, b]",
			[]string{`spec[2]: Duplicate value: "a"`, `spec[3]: Duplicate value: "b"`}},
		{"repeated items of a set", "{type: array, x-kubernetes-list-type: set, items: {type: string}}", "[a, a]",
			[]string{`spec[1]: Duplicate value: "a"`}},
		{"a repeated key of a list", "{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name], items: {type: object, required: [name], properties: {name: {type: string}}}}", "[{name: a}, {name: b}, {name: a}, {}]",
			[]string{`spec[2].name: Duplicate value: "a"`, `spec[3].name: Required value`}},
		{"repeated keys of a list", "{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [port, protocol], items: {type: object, required: [port], properties: {port: {type: integer}, protocol: {type: string, default: TCP}}}}", "[{port: 1, protocol: TCP}, {port: 1, protocol: UDP}, {port: 1, protocol: TCP}]",
			[]string{`spec[2]: Duplicate value: {"port":1,"protocol":"TCP"}`}},
		{"keys of different types are different", "{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [port], items: {type: object, required: [port], properties: {port: {x-kubernetes-int-or-string: true}}}}", "[{port: 5}, {port: '5'}, {port: '[5]'}]", nil},
		{"a repeated secret is not shown", "{type: array, x-powernode-sensitive: true, x-kubernetes-list-type: set, items: {type: string}}", "[hunter2, hunter2]",
			[]string{`spec[1]: Duplicate value`}},
		{"a time", "{type: object, properties: {t: {type: string, format: date-time}}}", "{t: yesterday}",
			[]string{`spec.t: Invalid value: "yesterday": must be a time such as 2026-01-31T12:00:00Z`}},
		{"a duration", "{type: object, properties: {d: {type: string, format: duration}}}", "{d: 5 days}",
			[]string{`spec.d: Invalid value: "5 days": must be a duration such as 1h30m`}},
		{"a number beyond 32 bits", "{type: object, properties: {num: {type: integer, format: int32}}}", "{num: 2147483648}",
			[]string{`spec.num: Invalid value: 2147483648: must be from -2147483648 to 2147483647`}},
		{"a number beyond 64 bits", "{type: object, properties: {num: {type: integer}}}", "{num: 9223372036854775808}",
			[]string{`spec.num: Invalid value: 9.223372036854776e+18: must be from -9223372036854775808 to 9223372036854775807`}},
		{"a format that nobody knows", "{type: object, properties: {s: {type: string, format: colour}}}", "{s: loud}", nil},
		{"neither number nor string", "{type: object, properties: {p: {x-kubernetes-int-or-string: true}}}", "{p: true}",
			[]string{`spec.p: Invalid value: true: must be of type integer or string, not boolean`}},
		{"number or string", "{type: array, items: {x-kubernetes-int-or-string: true}}", "[80, http]", nil},
		{"none of a choice", "{type: object, oneOf: [{required: [a]}, {required: [b]}], properties: {a: {type: string}, b: {type: string}}}", "{}",
			[]string{`spec: Invalid value: exactly one of a, b must be set`}},
		{"two of a choice", "{type: object, oneOf: [{required: [a]}, {required: [b]}], properties: {a: {type: string}, b: {type: string}}}", "{a: x, b: z}",
			[]string{`spec: Invalid value: exactly one of a, b must be set`}},
		{"nothing of several", "{type: object, anyOf: [{required: [a]}, {required: [b]}], properties: {a: {type: string}, b: {type: string}}}", "{}",
			[]string{`spec: Invalid value: at least one of a, b must be set`}},
		{"a richer choice", "{type: object, oneOf: [{properties: {kind: {enum: [file]}}, required: [path]}, {properties: {kind: {enum: [url, git]}}, not: {required: [path]}}], properties: {kind: {type: string}, path: {type: string}}}", "{kind: git, path: x}",
			[]string{`spec: Invalid value: exactly one must hold: (1) path set and kind file; (2) kind one of url, git and not (path set)`}},
		{"what must not be", "{type: object, not: {required: [a, b]}, properties: {a: {type: string}, b: {type: string}}}", "{a: x, b: z}",
			[]string{`spec: Invalid value: must not be: a, b set`}},
		{"all of several", "{type: object, properties: {s: {type: string, allOf: [{pattern: '^a'}, {pattern: 'z$'}]}}}", "{s: b}",
			[]string{`spec.s: Invalid value: "b": must match ^a`, `spec.s: Invalid value: "b": must match z$`}},
		{"a whole object inside", "{type: object, properties: {o: {type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}}}", "{o: {kind: Pod}}",
			[]string{`spec.o.apiVersion: Required value`}},
		{"a name in a map", "{type: object, x-powernode-key-pattern: '^[a-z]+$', additionalProperties: {type: integer}}", "{A: 1, b: x}",
			[]string{`spec[A]: Invalid value: "A": must match ^[a-z]+$`, `spec[b]: Invalid value: "x": must be of type integer, not string`}},
		{"a secret value is not shown", "{type: object, x-powernode-sensitive: true, additionalProperties: {type: string, format: byte}}", "{password: hunter2, num: 5}",
			[]string{`spec[num]: Invalid value: must be of type string, not integer`, `spec[password]: Invalid value: must be base64`}},
		{"odd names", "{type: object, properties: {a/b~c%20: {type: object, additionalProperties: {type: integer}}}}", "{a/b~c%20: {'x/y~z %': s}}",
			[]string{`spec.a/b~c%20[x/y~z %]: Invalid value: "s": must be of type integer, not string`}},
		{"fields that are called like keywords", "{type: object, properties: {anyOf: {type: object, required: [items, type], properties: {items: {type: string}, type: {type: string}, required: {type: string}, properties: {type: object, properties: {not: {type: integer}}}}}}}", "{anyOf: {required: 1, properties: {not: a}}}",
			[]string{
				`spec.anyOf.items: Required value`, `spec.anyOf.type: Required value`,
				`spec.anyOf.properties.not: Invalid value: "a": must be of type integer, not string`,
				`spec.anyOf.required: Invalid value: 1: must be of type string, not integer`,
			}},
		{"several at once, in order", "{type: array, items: {type: object, required: [name], properties: {name: {type: string}, num: {type: integer}}}}",
			"[{name: 1, num: a}, {name: a}, {}, {name: b}, {name: b}, {name: b}, {name: b}, {name: b}, {name: b}, {name: b}, {num: 1}]",
			[]string{
				`spec[0].name: Invalid value: 1: must be of type string, not integer`,
				`spec[0].num: Invalid value: "a": must be of type integer, not string`,
				`spec[2].name: Required value`,
				`spec[10].name: Required value`,
			}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			k := widget(t, test.schema)
			got := messages(k.Validate(document(t, k, "spec: "+test.spec), nil))
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n%q\nwant\n%q", got, test.want)
			}
		})
	}
}
