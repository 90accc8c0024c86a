package schemas

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Prune removes from doc, in place, the fields that the kind does not have and
// names them, in order: `unknown field "spec.steps[2].bogus"`.
func (k *Kind) Prune(doc map[string]any) (unknown []string) {
	var p pruner
	p.value(doc, k.Schema)
	slices.SortFunc(p.found, func(a, b unknownField) int { return slices.CompareFunc(a.place, b.place, compareSegments) })
	for _, f := range p.found {
		unknown = append(unknown, fmt.Sprintf("unknown field %q%s", pathOf(f.place), f.hint))
	}
	return unknown
}

// pruner walks through a document. It remembers where it is as cheaply as it
// can, since most documents have nothing to prune.
type pruner struct {
	here  []segment
	found []unknownField
}

type unknownField struct {
	place []segment
	hint  string
}

// segment is one step of a path: a field, a key of a map, or else an index.
type segment struct {
	name          string
	index         int
	isKey, isItem bool
}

func (p *pruner) value(v any, s *Schema) {
	switch v := v.(type) {
	case map[string]any:
		p.object(v, s)
	case []any:
		if s.Items == nil {
			return // a wrong type: Validate tells
		}
		for i, item := range v {
			p.below(segment{index: i, isItem: true}, item, s.Items)
		}
	}
}

func (p *pruner) object(doc map[string]any, s *Schema) {
	if s.JSONSchema {
		p.schema(doc, keywords())
		return
	}
	if s.Type != "object" && !s.PreserveUnknownFields {
		return // a wrong type: Validate tells
	}
	for name, value := range doc {
		child, mapped := s.child(name)
		switch {
		case child != nil:
			p.below(segment{name: name, isKey: mapped}, value, child)
		case s.EmbeddedResource && (name == "apiVersion" || name == "kind" || name == "metadata"):
		case !s.PreserveUnknownFields:
			delete(doc, name)
			p.found = append(p.found, unknownField{append(slices.Clone(p.here), segment{name: name}), misread(name, s)})
		}
	}
}

func (p *pruner) below(step segment, v any, s *Schema) {
	p.here = append(p.here, step)
	p.value(v, s)
	p.here = p.here[:len(p.here)-1]
}

// misread explains a field that YAML made out of another: an unquoted on is true to it.
func misread(name string, s *Schema) string {
	meant := map[string][]string{"true": {"on", "yes", "y"}, "false": {"off", "no", "n"}}
	for _, word := range meant[name] {
		if s.Properties[word] != nil {
			return fmt.Sprintf(": YAML reads %s as %s, write %q", word, name, word)
		}
	}
	return ""
}

func compareSegments(a, b segment) int {
	return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.index, b.index))
}

func pathOf(place []segment) string {
	var at *field.Path
	for _, step := range place {
		if step.isItem {
			at = at.Index(step.index)
			continue
		}
		at = below(at, step.name, step.isKey)
	}
	return at.String()
}

// below is the path of a field; names in a map are written in brackets.
func below(at *field.Path, name string, mapped bool) *field.Path {
	switch {
	case at == nil:
		return field.NewPath(name)
	case mapped:
		return at.Key(name)
	}
	return at.Child(name)
}
