package api

import (
	"encoding/json"
	"reflect"
	"testing"

	kjson "sigs.k8s.io/json"
)

func TestWhereBytesDifferTellsThatDocumentsDo(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{`{"a":1,"b":2}`, `{"a":3,"b":2}`, true},
		{`{"a":1}`, `{"a":12}`, true},
		{`{"a":1}`, `{"a":1,"b":2}`, true},
		{`{}`, `{"a":1}`, true},
		{`[]`, `[1]`, true},
		{`[1]`, `[1,2]`, true},
		{`{"a":"x"}`, `{"a":"xy"}`, true},
		{`{"a":"x"}`, `{"a":{}}`, true},
		{`{"a":{"b":[{"c":1},{"c":2}]}}`, `{"a":{"b":[{"c":1},{"c":3}]}}`, true},
		{`{"a":1,"b":2}`, `{"b":2,"a":1}`, false},
		{`{"a":1,"b":2}`, `{"aa":1,"b":2}`, false},
		{`{"a":"\u0061"}`, `{"a":"\u0041"}`, false},
		{`{"a":"\u0061"}`, `{"a":"a"}`, false},
		{"{\"a\":\"\xff\"}", "{\"a\":\"\xfe\"}", false},
		{`{"a": 1}`, `{"a":1}`, false},
		{`{"a":1 }`, `{"a":1}`, false},
		{`{"a":1}`, `{"a":1} `, false},
		{`{"a":[1],"b":{"c":"]"}}`, `{"a":[1],"b":{"c":"}"}}`, true},
	} {
		if got := surelyDiffer([]byte(c.a), []byte(c.b)); got != c.want {
			t.Errorf("%s and %s: %t", c.a, c.b, got)
		}
		if got := surelyDiffer([]byte(c.b), []byte(c.a)); got != c.want {
			t.Errorf("%s and %s: %t", c.b, c.a, got)
		}
	}
}

// FuzzSameJSON: what is told without reading two documents is what reading them tells.
func FuzzSameJSON(f *testing.F) {
	for _, s := range [][2]string{
		{`{"a":1,"b":[true,null,"x"]}`, `{"a":1,"b":[true,null,"y"]}`},
		{`{"b":2,"a":{"c":[]}}`, `{"a":{"c":[]},"b":2}`},
		{`"é"`, `"\u00e9"`}, {`1e2`, `1E2`}, {`[{"a":"\\"}]`, `[{"a":"\""}]`},
	} {
		f.Add([]byte(s[0]), []byte(s[1]))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var twiceA, twiceB any
		problemsA, errA := kjson.UnmarshalStrict(a, &twiceA)
		problemsB, errB := kjson.UnmarshalStrict(b, &twiceB)
		if errA != nil || errB != nil || len(problemsA)+len(problemsB) > 0 || !json.Valid(a) || !json.Valid(b) {
			return
		}
		va, errA := decoded(a)
		vb, errB := decoded(b)
		if errA != nil || errB != nil {
			return
		}
		if same := reflect.DeepEqual(va, vb); SameJSON(a, b) != same {
			t.Errorf("%s and %s: %t", a, b, !same)
		}
	})
}
