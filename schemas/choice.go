package schemas

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// choice says what a value must be by anyOf or oneOf.
func choice(how string, branches []*Schema) string {
	if fields := alternatives(branches); fields != nil {
		return how + " of " + strings.Join(fields, ", ") + " must be set"
	}
	meanings := make([]string, len(branches))
	for i, branch := range branches {
		meanings[i] = fmt.Sprintf("(%d) %s", i+1, meaning(branch))
	}
	return how + " must hold: " + strings.Join(meanings, "; ")
}

// alternatives are the fields between which a choice is, when that is all.
func alternatives(branches []*Schema) (fields []string) {
	for _, b := range branches {
		if len(b.Required) != 1 || b.Properties != nil || b.Items != nil || b.Not != nil || len(b.branches()) > 0 {
			return nil
		}
		fields = append(fields, b.Required[0])
	}
	return fields
}

// meaning tells what a branch demands, in a few words.
func meaning(s *Schema) string {
	var words []string
	say := func(there bool, format string, args ...any) {
		if there {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	say(s.Description != "", "%s", strings.TrimSuffix(s.Description, "."))
	say(s.Type != "", "of type %s", s.Type)
	say(len(s.Enum) == 1, "%s", strings.Join(enumNames(s.Enum), ""))
	say(len(s.Enum) > 1, "one of %s", strings.Join(enumNames(s.Enum), ", "))
	say(s.Minimum != nil || s.Maximum != nil, "%s", rangeOf(s))
	say(s.Pattern != "", "matching %s", s.Pattern)
	say(s.Format != "", "of format %s", s.Format)
	say(len(s.Required) > 0, "%s set", strings.Join(s.Required, ", "))
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		say(true, "%s %s", name, meaning(s.Properties[name]))
	}
	if s.Items != nil {
		say(true, "items %s", meaning(s.Items))
	}
	if s.Not != nil {
		say(true, "not (%s)", meaning(s.Not))
	}
	for _, list := range [][]*Schema{s.AllOf, s.AnyOf, s.OneOf} {
		for _, branch := range list {
			say(true, "(%s)", meaning(branch))
		}
	}
	if len(words) == 0 {
		return "as described"
	}
	return strings.Join(words, " and ")
}
