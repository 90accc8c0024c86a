package schemas

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Validate checks a decoded, pruned and defaulted doc against the schema and,
// when old is not nil, that nothing changed that may not. It tells all problems
// with the paths of their fields, in the order of the paths. Values of sensitive
// fields do not appear in them. What is wrong with a value that old had already,
// and that did not change, is not told again.
func (k *Kind) Validate(doc, old map[string]any) field.ErrorList {
	problems := k.violations(doc, old)
	if old != nil {
		problems = append(problems, unchanged(nil, k.Schema, doc, old)...)
	}
	return append(problems, k.broken(doc, old, problems)...)
}

func (k *Kind) violations(doc, old map[string]any) field.ErrorList {
	if k.Schema.fits(doc) {
		return nil
	}
	err := k.compiled.Validate(doc)
	if err == nil {
		return nil
	}
	var failed *jsonschema.ValidationError
	if !errors.As(err, &failed) {
		return field.ErrorList{field.InternalError(nil, err)}
	}
	var all []violation
	for _, leaf := range k.leaves(failed, nil) {
		v := k.locate(leaf, doc)
		if old == nil || !v.kept(k.Schema, doc, old) {
			all = append(all, v)
		}
	}
	slices.SortStableFunc(all, func(a, b violation) int {
		return cmp.Or(slices.CompareFunc(a.place, b.place, natural), cmp.Compare(a.keyword, b.keyword))
	})
	var problems field.ErrorList
	for _, v := range all {
		if !v.follows(all) {
			problems = append(problems, v.describe()...)
		}
	}
	return problems
}

// follows reports whether a value breaks the rule only because it is too short: an empty
// string has no form either, but that is one mistake.
func (v *violation) follows(all []violation) bool {
	if v.keyword != "pattern" && v.keyword != "format" {
		return false
	}
	return slices.ContainsFunc(all, func(other violation) bool {
		return other.keyword == "minLength" && slices.Equal(other.place, v.place)
	})
}

// natural orders numbers as numbers: steps[2] comes before steps[10].
func natural(a, b string) int {
	if isNumber(a) && isNumber(b) {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	}
	return cmp.Compare(a, b)
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// leaves are the failures that say something: those at the ends of the tree,
// but a choice (anyOf, oneOf) as a whole.
func (k *Kind) leaves(e *jsonschema.ValidationError, found []*jsonschema.ValidationError) []*jsonschema.ValidationError {
	var v violation
	v.rule(k.Schema, e)
	if len(e.Causes) == 0 || v.keyword == "anyOf" || v.keyword == "oneOf" {
		return append(found, e)
	}
	for _, cause := range e.Causes {
		found = k.leaves(cause, found)
	}
	return found
}

// violation is a rule of the schema that a value breaks.
type violation struct {
	place     []string // the way to the value
	at        *field.Path
	value     any
	schema    *Schema // the node that has the rule
	keyword   string
	sensitive bool
	key       bool // the rule is about the value's name in its map
}

// locate finds out what a failure is about.
func (k *Kind) locate(e *jsonschema.ValidationError, doc map[string]any) violation {
	v := violation{value: doc, place: pointer(e.InstanceLocation)}
	v.follow(k.Schema)
	v.rule(k.Schema, e)
	if v.key {
		v.value = v.place[len(v.place)-1]
	}
	return v
}

// follow walks from the root to the value and notes its path.
func (v *violation) follow(s *Schema) {
	for _, name := range v.place {
		switch parent := v.value.(type) {
		case map[string]any:
			child, mapped := or(s).child(name)
			v.at = below(v.at, name, mapped)
			v.value, s = parent[name], child
		case []any:
			i := index(name)
			v.at, v.value, s = v.at.Index(i), parent[i], or(s).Items
		}
		v.sensitive = v.sensitive || (s != nil && s.Sensitive)
	}
	if s == nil {
		return
	}
	v.sensitive = v.sensitive || s.Sensitive
}

// rule walks along the location of the broken keyword to its schema node.
func (v *violation) rule(s *Schema, e *jsonschema.ValidationError) {
	_, fragment, _ := strings.Cut(e.AbsoluteKeywordLocation, "#")
	way := pointer(fragment)
	for len(way) > 1 {
		step := 2
		switch way[0] {
		case "properties":
			s = s.Properties[way[1]]
		case "allOf":
			s = s.AllOf[index(way[1])]
		case "anyOf":
			s = s.AnyOf[index(way[1])]
		case "oneOf":
			s = s.OneOf[index(way[1])]
		case "items":
			s, step = s.Items, 1
		case "additionalProperties":
			s, step = s.AdditionalProperties, 1
		case "not":
			s, step = s.Not, 1
		case "propertyNames":
			v.key = true
			s, step = &Schema{Pattern: s.KeyPattern}, 1
		}
		way = way[step:]
	}
	v.schema = s
	if len(way) == 1 {
		v.keyword = way[0]
	}
}
