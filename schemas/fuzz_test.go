package schemas_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/powernode/powernode/api/leaktest"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/schemas"
)

// A definition is a user's input: whatever it is, it makes a kind that works or
// an error.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"*.yaml", "core/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			doc, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(doc)
		}
	}
	f.Add([]byte(definition(everything)))
	f.Add([]byte(definition("{type: object, oneOf: [{required: [a]}], not: {properties: {a: {minimum: 3}}}, properties: {a: {type: integer, default: 1}}}")))
	leakless := leaktest.Watch(f)
	f.Fuzz(func(t *testing.T, doc []byte) {
		defer leakless(t)
		k, err := schemas.Parse(doc)
		if err != nil {
			return
		}
		if k.Key() == "" || k.Plural == "" || len(k.Columns) < 1 {
			t.Errorf("a kind without a name or columns: %+v", k)
		}
		wholeWay(k, map[string]any{"spec": map[string]any{}, "status": nil})
		if _, err := schemas.OpenAPI(k.Group, k.Version, []*schemas.Kind{k}); err != nil {
			t.Error(err)
		}
	})
}

// A body is anybody's input: it never panics, and what passed once passes again.
func FuzzDecode(f *testing.F) {
	for _, body := range []string{
		`{"spec":{"name":"a","steps":[{"name":"b","minutes":1e99,"retries":{"limit":null}}],"inputs":{"w":{"default":[1,{"a":2}]}}}}`,
		`{"metadata":{"labels":{"a":1},"ownerReferences":[{"uid":"u"},{"uid":"u"}]},"spec":{"port":"80","whole":{"kind":"Pod"}}}`,
		`{"spec":{"concurrency":{"policy":"Queue","group":null},"free":{"known":{"a":"b","c":[]}},"name":"x","name":"y"}}`,
		`{"spec":[[[[]]]],"a":-0.0,"b":18446744073709551616}`,
	} {
		f.Add([]byte(body))
	}
	f.Add([]byte(`{"spec":{"min":1,"lead":"a","people":[{"name":"a","age":1}],"port":"x","wait":"1h","notes":{"a":"b"}}}`))
	kinds := []*schemas.Kind{widget(f, everything), widget(f, team), builtin(f, v1.ContainerInstance), builtin(f, v1.Pipeline)}
	leakless := leaktest.Watch(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		defer leakless(t)
		for _, k := range kinds {
			takesTwice(t, k, body)
		}
	})
}

// takesTwice checks that a body which passes passes again as it was stored.
func takesTwice(t *testing.T, k *schemas.Kind, body []byte) {
	doc, _, err := k.Decode(body)
	if err != nil {
		return
	}
	if problems := wholeWay(k, doc); len(problems) > 0 {
		return
	}
	again, strict, err := k.Decode([]byte(text(doc)))
	if err != nil || len(strict) > 0 {
		t.Fatalf("read again: %v, %v", err, strict)
	}
	if unknown := k.Prune(again); len(unknown) > 0 {
		t.Fatalf("unknown on the second reading: %v", unknown)
	}
	if problems := wholeWay(k, again); len(problems) > 0 {
		t.Fatalf("wrong on the second reading: %q", problems)
	}
}
