package server

import "testing"

func TestSameValue(t *testing.T) {
	m := func(kv ...any) map[string]any {
		out := map[string]any{}
		for i := 0; i < len(kv); i += 2 {
			out[kv[i].(string)] = kv[i+1]
		}
		return out
	}
	for _, c := range []struct {
		a, b any
		same bool
	}{
		{m("a", []any{int64(1), nil, true}), m("a", []any{int64(1), nil, true}), true},
		{m("a", int64(1)), m("a", 1.0), false},
		{m("a", nil), m("b", nil), false},
		{m("a", nil), m(), false},
		{[]any{"x"}, []any{"x", "y"}, false},
		{[]any{"x"}, "x", false},
		{"x", []any{"x"}, false},
		{"x", m(), false},
		{m(), nil, false},
	} {
		if got := sameValue(c.a, c.b); got != c.same {
			t.Errorf("%v and %v: %t", c.a, c.b, got)
		}
	}
	if !sameFields(m("spec", "x", "status", 1, "metadata", 2), m("spec", "x", "status", 3)) || sameFields(m("spec", "x"), m()) || sameFields(nil, nil) {
		t.Error("sameFields")
	}
}
