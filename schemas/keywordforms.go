package schemas

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

func text(to func(*Schema) *string) keyword {
	return func(r *reader, s *Schema, at *field.Path, v any) {
		str, ok := v.(string)
		if !ok {
			r.wrong(at, v, "a string")
		}
		*to(s) = str
	}
}

func flag(to func(*Schema) *bool) keyword {
	return func(r *reader, s *Schema, at *field.Path, v any) {
		b, ok := v.(bool)
		if !ok {
			r.wrong(at, v, "true or false")
		}
		*to(s) = b
	}
}

func number(to func(*Schema) **float64) keyword {
	return func(r *reader, s *Schema, at *field.Path, v any) {
		switch n := v.(type) {
		case int64:
			f := float64(n)
			*to(s) = &f
		case float64:
			*to(s) = &n
		default:
			r.wrong(at, v, "a number")
		}
	}
}

func count(to func(*Schema) **int64) keyword {
	return func(r *reader, s *Schema, at *field.Path, v any) {
		n, ok := v.(int64)
		if !ok || n < 0 {
			r.wrong(at, v, "a whole number of at least 0")
			return
		}
		*to(s) = &n
	}
}

func value(to func(*Schema) *any) keyword {
	return func(_ *reader, s *Schema, _ *field.Path, v any) { *to(s) = v }
}

func texts(to func(*Schema) *[]string) keyword {
	return func(r *reader, s *Schema, at *field.Path, v any) {
		for i, item := range r.list(at, v) {
			str, ok := item.(string)
			if !ok {
				r.wrong(at.Index(i), item, "a string")
			}
			if slices.Contains(*to(s), str) {
				r.problems = append(r.problems, field.Duplicate(at.Index(i), str))
			}
			*to(s) = append(*to(s), str)
		}
	}
}

func node(to func(*Schema) **Schema) keyword {
	return func(r *reader, s *Schema, at *field.Path, v any) { *to(s) = r.schema(at, v) }
}

func nodes(to func(*Schema) *[]*Schema) keyword {
	return func(r *reader, s *Schema, at *field.Path, v any) {
		for i, item := range r.list(at, v) {
			*to(s) = append(*to(s), r.schema(at.Index(i), item))
		}
	}
}

func readEnum(r *reader, s *Schema, at *field.Path, v any) {
	s.Enum = r.list(at, v)
	if len(s.Enum) == 0 {
		r.problems = append(r.problems, field.Required(at, "an enum lists at least one value"))
	}
}

func readProperties(r *reader, s *Schema, at *field.Path, v any) {
	doc, ok := v.(map[string]any)
	if !ok {
		r.wrong(at, v, "an object of schemas by field name")
		return
	}
	s.Properties = make(map[string]*Schema, len(doc))
	for _, name := range slices.Sorted(maps.Keys(doc)) {
		s.Properties[name] = r.schema(at.Key(name), doc[name])
	}
}

func readAdditional(r *reader, s *Schema, at *field.Path, v any) {
	switch v := v.(type) {
	case bool:
		if !v {
			r.problems = append(r.problems, field.Forbidden(at, "must be a schema; unknown fields are refused without it"))
			return
		}
		s.AdditionalProperties = anything()
	default:
		s.AdditionalProperties = r.schema(at, v)
	}
}

// list is v's items; a problem is noted unless v is a list.
func (r *reader) list(at *field.Path, v any) []any {
	items, ok := v.([]any)
	if !ok {
		r.wrong(at, v, "a list")
	}
	return items
}

// shown is what an error may show of a value: scalars as they are, of anything
// larger only that it was wrong.
func shown(v any) any {
	switch v.(type) {
	case map[string]any, []any:
		return field.OmitValueType{}
	}
	return v
}
