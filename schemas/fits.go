package schemas

import (
	"regexp"
	"slices"
	"unicode/utf8"
)

// checks are what validation needs beyond the words of a schema; prepare makes them.
type checks struct {
	pattern, keyPattern *regexp.Regexp
	format              func(any) bool // nil for a format that only the validator knows
	ready               bool
	mayFreeze           bool // the value, or a field in it, may not be changed, or not always
	secret              bool // the value, or something in it, is sensitive
}

// prepare makes the checks of a whole tree, whose patterns were checked before.
func prepare(s *Schema, known map[string]func(any) bool) {
	s.checks = checks{format: known[format(s)], ready: true, mayFreeze: s.Immutable || s.ImmutableWhen != "", secret: s.Sensitive}
	if s.Pattern != "" {
		s.checks.pattern = regexp.MustCompile(s.Pattern)
	}
	if s.KeyPattern != "" {
		s.checks.keyPattern = regexp.MustCompile(s.KeyPattern)
	}
	for _, p := range s.Properties {
		prepare(p, known)
		s.checks.mayFreeze = s.checks.mayFreeze || p.checks.mayFreeze
		s.checks.secret = s.checks.secret || p.checks.secret
	}
	for _, other := range append([]*Schema{s.AdditionalProperties, s.Items}, s.AllOf...) {
		if other != nil {
			prepare(other, known)
			s.checks.secret = s.checks.secret || other.checks.secret
		}
	}
}

// HasSecrets reports whether the value, or something in it, is sensitive. Of a schema that is not a
// Kind's it says so always.
func (s *Schema) HasSecrets() bool { return s.checks.secret || !s.checks.ready }

// fits reports that v is right beyond doubt. False only means that the
// validator has to look: it alone says what is wrong, and it knows rules that
// fits leaves to it. Most documents are right, and this is many times faster;
// a property test holds the two together.
func (s *Schema) fits(v any) bool {
	if !s.checks.ready || s.EmbeddedResource || s.MultipleOf != nil || len(s.AnyOf)+len(s.OneOf) > 0 || s.Not != nil {
		return false
	}
	for _, more := range s.AllOf {
		if !more.fits(v) {
			return false
		}
	}
	if v == nil {
		return s.takesNull() && s.Enum == nil
	}
	if s.Type != typeOf(v) && s.Type != "" || s.Type == "" && s.IntOrString && !hasType(s, v) {
		return false // also a whole number for a number: rare, the validator's
	}
	if format(s) != "" && (s.checks.format == nil || !s.checks.format(v)) {
		return false
	}
	switch v := v.(type) {
	case string:
		return s.fitsString(v)
	case int64:
		return s.fitsEnum(v) && s.fitsRange(v)
	case bool:
		return s.fitsEnum(v)
	case float64:
		return s.fitsEnum(v) && s.Minimum == nil && s.Maximum == nil
	case map[string]any:
		return s.Enum == nil && s.fitsObject(v)
	case []any:
		return s.Enum == nil && s.fitsList(v)
	}
	return false
}

func (s *Schema) fitsEnum(v any) bool { return s.Enum == nil || slices.Contains(s.Enum, v) }

func (s *Schema) fitsString(v string) bool {
	if s.MinLength != nil || s.MaxLength != nil {
		if n := int64(utf8.RuneCountInString(v)); !between(n, s.MinLength, s.MaxLength) {
			return false
		}
	}
	return (s.checks.pattern == nil || s.checks.pattern.MatchString(v)) && s.fitsEnum(v)
}

// fitsRange leaves numbers that a float does not hold exactly to the validator.
func (s *Schema) fitsRange(v int64) bool {
	if s.Minimum == nil && s.Maximum == nil {
		return true
	}
	f := float64(v)
	return -1<<53 < v && v < 1<<53 &&
		(s.Minimum == nil || f > *s.Minimum || f == *s.Minimum && !s.ExclusiveMinimum) &&
		(s.Maximum == nil || f < *s.Maximum || f == *s.Maximum && !s.ExclusiveMaximum)
}

func (s *Schema) fitsObject(v map[string]any) bool {
	if !between(int64(len(v)), s.MinProperties, s.MaxProperties) {
		return false
	}
	for _, name := range s.Required {
		if _, ok := v[name]; !ok {
			return false
		}
	}
	for name, value := range v {
		if s.checks.keyPattern != nil && !s.checks.keyPattern.MatchString(name) {
			return false
		}
		if child, _ := s.child(name); child != nil && !child.fits(value) {
			return false
		}
	}
	return true
}

func (s *Schema) fitsList(v []any) bool {
	if !between(int64(len(v)), s.MinItems, s.MaxItems) {
		return false
	}
	if s.UniqueItems || s.ListType == "set" || s.ListType == "map" {
		if len(distinct(s.ListMapKeys).repeated(v)) > 0 {
			return false
		}
	}
	return !slices.ContainsFunc(v, func(item any) bool { return s.Items != nil && !s.Items.fits(item) })
}

func between(n int64, low, high *int64) bool {
	return (low == nil || n >= *low) && (high == nil || n <= *high)
}
