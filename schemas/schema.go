package schemas

import "slices"

// Schema is one node of a structural schema. Its fields are the keywords of the
// OpenAPI v3 schema of a CustomResourceDefinition, by their own names.
type Schema struct {
	Title, Description   string
	Type, Format         string
	Nullable             bool
	Default              any // nil when there is none
	Enum                 []any
	Pattern              string
	Minimum, Maximum     *float64
	ExclusiveMinimum     bool // Minimum itself is too small
	ExclusiveMaximum     bool
	MultipleOf           *float64
	MinLength, MaxLength *int64 // in characters
	MinItems, MaxItems   *int64
	UniqueItems          bool
	MinProperties        *int64
	MaxProperties        *int64
	Required             []string
	Properties           map[string]*Schema
	// AdditionalProperties is what each value of a map is.
	AdditionalProperties *Schema
	Items                *Schema
	AllOf, AnyOf, OneOf  []*Schema
	Not                  *Schema
	Example              any

	Rules []Rule // x-kubernetes-validations

	PreserveUnknownFields bool // x-kubernetes-preserve-unknown-fields
	IntOrString           bool // x-kubernetes-int-or-string
	EmbeddedResource      bool // x-kubernetes-embedded-resource
	ListType              string
	ListMapKeys           []string
	MapType               string
	PatchStrategy         string // x-kubernetes-patch-strategy, of core kinds
	PatchMergeKey         string

	Sensitive     bool   // x-powernode-sensitive
	Immutable     bool   // x-powernode-immutable
	ImmutableWhen string // x-powernode-immutable-when
	KeyPattern    string // x-powernode-key-pattern
	JSONSchema    bool   // x-powernode-json-schema

	checks checks
}

// anything is the schema of a value that nothing is known of.
func anything() *Schema { return &Schema{PreserveUnknownFields: true} }

// child is the schema of the field name of an object; nil when it is unknown.
// mapped tells that the name is a key that the owner chose.
func (s *Schema) child(name string) (child *Schema, mapped bool) {
	if p, ok := s.Properties[name]; ok {
		return p, false
	}
	return s.AdditionalProperties, s.AdditionalProperties != nil
}

// branches are the schemas that narrow s without adding fields.
func (s *Schema) branches() []*Schema {
	all := slices.Concat(s.AllOf, s.AnyOf, s.OneOf)
	if s.Not != nil {
		all = append(all, s.Not)
	}
	return all
}

// takesNull reports whether null is a value of its own, and not the same as absent.
func (s *Schema) takesNull() bool { return s.Nullable || (s.Type == "" && !s.IntOrString) }
