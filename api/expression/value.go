package expression

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Value is what an expression yields: nil, bool, float64, string, []any or
// map[string]any, as encoding/json decodes them.
type Value = any

// filtered is what .* yields: an array whose members are looked up one by one.
type filtered []any

// Truthy is false for null, false, 0, NaN and the empty string.
func Truthy(v Value) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case float64:
		return v != 0 && !math.IsNaN(v)
	case string:
		return v != ""
	}
	return true
}

// String converts a value to text as an embedded expression does: null is empty,
// a number has at most 15 digits, and an array or object is only named so (use toJSON).
func String(v Value) string {
	switch v := v.(type) {
	case nil:
		return ""
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return formatNumber(v)
	case string:
		return v
	case []any, filtered:
		return "Array"
	}
	return "Object"
}

// formatNumber writes a number as .NET's G15 does, GitHub's choice.
func formatNumber(n float64) string {
	switch {
	case n == 0:
		return "0"
	case math.IsInf(n, 1):
		return "Infinity"
	case math.IsInf(n, -1):
		return "-Infinity"
	case math.IsNaN(n):
		return "NaN"
	}
	digits := strconv.FormatFloat(n, 'e', 14, 64)
	mantissa, exponent, _ := strings.Cut(digits, "e")
	power, _ := strconv.Atoi(exponent)
	if power >= 15 || power < -5 {
		if strings.Contains(mantissa, ".") {
			mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
		}
		return mantissa + "E" + exponent
	}
	text := strconv.FormatFloat(n, 'f', 14-power, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// number converts a value for a comparison: NaN where it is no number.
func number(v Value) float64 {
	switch v := v.(type) {
	case nil:
		return 0
	case bool:
		if v {
			return 1
		}
		return 0
	case float64:
		return v
	case string:
		return parseNumber(v)
	}
	return math.NaN()
}

// coerce brings two values of different types to numbers where that is how
// they are compared: a number with a string, a boolean or null with anything.
func coerce(a, b Value) (Value, Value) {
	switch {
	case typeName(a) == typeName(b):
		return a, b
	case isNumber(a) && isString(b), isString(a) && isNumber(b):
		return number(a), number(b)
	case isLoose(a):
		return coerce(number(a), b)
	case isLoose(b):
		return coerce(a, number(b))
	}
	return a, b
}

func isNumber(v Value) bool { _, is := v.(float64); return is }
func isString(v Value) bool { _, is := v.(string); return is }
func isLoose(v Value) bool  { _, is := v.(bool); return is || v == nil }

func isPrimitive(v Value) bool { return isNumber(v) || isString(v) || isLoose(v) }

func typeName(v Value) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return "string"
	case []any, filtered:
		return "array"
	}
	return "object"
}

// equal is the loose == : strings regardless of case; an array or object
// equals nothing, itself included (GitHub compares these by identity, which values read twice do not have).
func equal(a, b Value) bool {
	a, b = coerce(a, b)
	if typeName(a) != typeName(b) {
		return false
	}
	switch a := a.(type) {
	case nil:
		return true
	case bool:
		return a == b.(bool)
	case float64:
		return a == b.(float64)
	case string:
		return strings.EqualFold(a, b.(string))
	}
	return false
}

// less is the loose < : false for what can't be ordered.
func less(a, b Value) bool {
	a, b = coerce(a, b)
	if typeName(a) != typeName(b) {
		return false
	}
	switch a := a.(type) {
	case bool:
		return !a && b.(bool)
	case float64:
		return a < b.(float64)
	case string:
		return strings.ToUpper(a) < strings.ToUpper(b.(string))
	}
	return false
}

// member looks a key up: a name of an object regardless of case (an exact match
// first), a whole number of an array; null where there is none.
func member(of, key Value) (Value, bool) {
	switch of := of.(type) {
	case map[string]any:
		if !isPrimitive(key) {
			return nil, false
		}
		return lookup(of, String(key))
	case []any:
		i := number(key)
		if i < 0 || i >= float64(len(of)) || math.IsNaN(i) {
			return nil, false
		}
		return of[int(i)], true
	}
	return nil, false
}

func lookup(object map[string]any, name string) (Value, bool) {
	if v, found := object[name]; found {
		return v, true
	}
	for _, k := range slices.Sorted(maps.Keys(object)) {
		if strings.EqualFold(k, name) {
			return object[k], true
		}
	}
	return nil, false
}

// elements are what .* selects, in order: items, or an object's values by name.
func elements(v Value) filtered {
	switch v := v.(type) {
	case []any:
		return v
	case map[string]any:
		var all filtered
		for _, k := range slices.Sorted(maps.Keys(v)) {
			all = append(all, v[k])
		}
		return all
	}
	return nil
}
