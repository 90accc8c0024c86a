package expression

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// function is one function of the language; max < 0 takes any number of arguments.
type function struct {
	name     string // as it is documented
	min, max int
	call     func(scope Scope, args []Value) (Value, error)
}

// functions by lower-case name, as names are not case-sensitive.
func functions() map[string]function {
	all := map[string]function{}
	for _, f := range []function{
		{"contains", 2, 2, contains},
		{"startsWith", 2, 2, affix(strings.HasPrefix)},
		{"endsWith", 2, 2, affix(strings.HasSuffix)},
		{"format", 1, -1, format},
		{"join", 1, 2, join},
		{"toJSON", 1, 1, toJSON},
		{"fromJSON", 1, 1, fromJSON},
		{"hashFiles", 1, -1, hashFiles},
		{"slugify", 1, 1, func(_ Scope, args []Value) (Value, error) { return Slugify(String(args[0])), nil }},
		{"success", 0, 0, isStatus(Success)},
		{"failure", 0, 0, isStatus(Failure)},
		{"cancelled", 0, 0, isStatus(Cancelled)},
		{"always", 0, 0, func(Scope, []Value) (Value, error) { return true, nil }},
	} {
		all[strings.ToLower(f.name)] = f
	}
	return all
}

// statusFunctions are those that speak of what came before.
var statusFunctions = [...]string{"success", "failure", "cancelled", "always"}

func unknownFunction(name string) string {
	var names []string
	for _, f := range functions() {
		names = append(names, f.name)
	}
	slices.Sort(names)
	return fmt.Sprintf("unknown function %q; the functions are %s", name, strings.Join(names, ", "))
}

// arity is a complaint about the number of arguments, or empty.
func (f function) arity(n *call) string {
	got := len(n.args)
	if got >= f.min && (f.max < 0 || got <= f.max) {
		return ""
	}
	takes := strconv.Itoa(f.min)
	switch {
	case f.max < 0:
		takes = "at least " + takes
	case f.max > f.min:
		takes += " to " + strconv.Itoa(f.max)
	}
	noun := "arguments"
	if takes == "1" || takes == "at least 1" {
		noun = "argument"
	}
	return fmt.Sprintf("%s takes %s %s, not %d", f.name, takes, noun, got)
}

func isStatus(s Status) func(Scope, []Value) (Value, error) {
	return func(scope Scope, _ []Value) (Value, error) { return scope.Status == s, nil }
}

// contains looks for an item in an array by ==, for a text in a text regardless of case.
func contains(_ Scope, args []Value) (Value, error) {
	if items, is := args[0].([]any); is {
		return slices.ContainsFunc(items, func(item any) bool { return equal(item, args[1]) }), nil
	}
	if !isPrimitive(args[0]) || !isPrimitive(args[1]) {
		return false, nil
	}
	return strings.Contains(fold(args[0]), fold(args[1])), nil
}

func fold(v Value) string { return strings.ToLower(String(v)) }

func affix(has func(s, affix string) bool) func(Scope, []Value) (Value, error) {
	return func(_ Scope, args []Value) (Value, error) {
		return isPrimitive(args[0]) && isPrimitive(args[1]) && has(fold(args[0]), fold(args[1])), nil
	}
}

// format replaces {N} by argument N; {{ and }} stand for braces.
func format(_ Scope, args []Value) (Value, error) {
	pattern := String(args[0])
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		doubled := i+1 < len(pattern) && pattern[i+1] == c
		switch {
		case (c == '{' || c == '}') && doubled:
			b.WriteByte(c)
			i++
		case c == '}':
			return nil, errors.New("format: a } without {; write }} for a brace")
		case c == '{':
			text, length, err := placeholder(pattern[i:], args[1:])
			if err != nil {
				return nil, err
			}
			b.WriteString(text)
			i += length - 1
		default:
			b.WriteByte(c)
		}
		if b.Len() > maxText {
			return nil, errTooLong
		}
	}
	return b.String(), nil
}

func placeholder(s string, args []Value) (text string, length int, err error) {
	end := strings.IndexByte(s, '}')
	if end < 0 {
		return "", 0, errors.New("format: a { without }; write {{ for a brace")
	}
	n, err := strconv.ParseUint(s[1:end], 10, 16)
	if err != nil {
		return "", 0, errors.New("format: between { and } stands the number of an argument; write {{ for a brace")
	}
	if int(n) >= len(args) {
		return "", 0, fmt.Errorf("format: {%d} has no argument; there are %d", n, len(args))
	}
	return String(args[n]), end + 1, nil
}

// join puts an array's items together, by a comma when nothing else is given.
func join(_ Scope, args []Value) (Value, error) {
	separator := ","
	if len(args) > 1 {
		separator = String(args[1])
	}
	items, is := args[0].([]any)
	if !is {
		if isPrimitive(args[0]) {
			return String(args[0]), nil
		}
		return "", nil
	}
	var b strings.Builder
	for i, item := range items {
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(String(item))
		if b.Len() > maxText {
			return nil, errTooLong
		}
	}
	return b.String(), nil
}

// toJSON writes a value for people to read; an object's names are sorted.
func toJSON(_ Scope, args []Value) (Value, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(args[0]); err != nil {
		return nil, errors.New("toJSON: the value has no JSON form")
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

func fromJSON(_ Scope, args []Value) (Value, error) {
	var v Value
	if err := json.Unmarshal([]byte(String(args[0])), &v); err != nil {
		return nil, errors.New("fromJSON: the text is not JSON")
	}
	return v, nil
}

func hashFiles(scope Scope, args []Value) (Value, error) {
	if scope.HashFiles == nil {
		return nil, errors.New("hashFiles: there is no workspace here")
	}
	patterns := make([]string, len(args))
	for i, arg := range args {
		patterns[i] = String(arg)
	}
	hash, err := scope.HashFiles(patterns...)
	if err != nil {
		return nil, fmt.Errorf("hashFiles: %w", err)
	}
	return hash, nil
}

// Slugify makes a text fit for a name: lower-case letters and digits, with one
// hyphen for all that stood between them.
func Slugify(s string) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.ToLower(s) {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			gap = true
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte('-')
		}
		gap = false
		b.WriteRune(r)
	}
	return b.String()
}

// members of an object by name, for messages.
func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
