// Package schemas turns CustomResourceDefinition documents into kinds: what
// fields an object has, which are missing, wrong or unknown, what they default
// to, how a table shows them and how they are explained.
//
// A kind of ours is one YAML file in this folder, a kind of the core group one
// in core/; both are embedded, and Parse reads a user's own definition the same
// way. Schemas are structural, as Kubernetes means it: every field has a type,
// and allOf, anyOf, oneOf and not only narrow what was said before. One such
// tree feeds pruning, defaults, validation, columns and OpenAPI, so they cannot
// disagree. What a document says and this package can't do is refused with the
// path, never ignored, such as conversion webhooks.
//
// x-kubernetes-validations are rules in CEL, with Kubernetes' own functions,
// types, limits of cost and errors: they are evaluated by its library, so that a
// definition that works there works here. A rule's program is made once, with
// the kind.
//
// Beyond the format of Kubernetes a schema node may say
//
//	x-powernode-sensitive: true           the value never appears in an error
//	x-powernode-immutable: true           the value can't change after it was set
//	x-powernode-immutable-when: FIELD     ... once the sibling FIELD is true
//	x-powernode-key-pattern: REGEXP       what the names in a map must match
//	x-powernode-json-schema: true         the value is itself a schema
//
// and a printer column or selectable field may have, in place of a JSONPath,
//
//	x-powernode-cell: {first: [paths]}    the first value that is there
//	x-powernode-cell: {count: [paths]}    how many entries all of them have
//	x-powernode-cell: {join: [[paths], ...], separator: /, lower: true}
//	                                      the firsts of each list that are there
//
// with otherwise: the value when there is none, and in: PATH for a join of each item
// of a list. x-powernode-label renames a selectable field.
//
// The definition of a kind of ours may say, in its spec,
//
//	x-powernode-stored: {apiVersion: v1, kind: Event}  objects are stored as this kind
//	x-powernode-names: path-segment                    names need not be DNS names
//
// The package refuses to know how objects are stored and served, and what their
// fields mean: references between objects and rules between fields are their
// kind's Admission. A *Kind does not change after it was made and is safe for
// concurrent use.
package schemas
