package schemas_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/powernode/powernode/schemas"
)

// anySchema draws a structural schema, with defaults that it accepts. It has no
// rules about how many or which fields an object has: those a default may break.
func anySchema(t *rapid.T, depth int) map[string]any {
	kinds := []string{"string", "integer", "boolean", "intOrString", "free"}
	if depth > 0 {
		kinds = append(kinds, "object", "object", "map", "array")
	}
	kind := rapid.SampledFrom(kinds).Draw(t, "kind")
	s := map[string]any{}
	switch kind {
	case "object":
		properties := map[string]any{}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(fieldNames()), 1, 4, rapid.ID[string]).Draw(t, "names") {
			properties[name] = anySchema(t, depth-1)
		}
		s["type"], s["properties"] = "object", properties
		if rapid.Bool().Draw(t, "hasDefault") {
			s["default"] = map[string]any{}
		}
	case "map":
		s["type"], s["additionalProperties"] = "object", anySchema(t, depth-1)
	case "array":
		s["type"], s["items"] = "array", anySchema(t, depth-1)
		if rapid.Bool().Draw(t, "bounded") {
			s["maxItems"] = int64(2)
		}
	case "intOrString":
		s["x-kubernetes-int-or-string"] = true
	case "free":
		s["x-kubernetes-preserve-unknown-fields"] = true
		return s
	default:
		s["type"] = kind
		if rapid.Bool().Draw(t, "hasDefault") {
			s["default"] = map[string]any{"string": "b", "integer": int64(2), "boolean": true}[kind]
		}
		if kind == "string" && rapid.Bool().Draw(t, "hasEnum") {
			s["enum"] = []any{"a", "b"}
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "nullable") == 0 {
		s["nullable"] = true
		delete(s, "enum")
	}
	return s
}

func fieldNames() []string { return []string{"a", "b", "c", "d", "e.f"} }

// anyValue draws a value that mostly fits s, as it was given to Parse.
func anyValue(t *rapid.T, s map[string]any, depth int) any {
	if rapid.IntRange(0, 9).Draw(t, "odd") == 0 || depth == 0 {
		return rapid.SampledFrom([]any{nil, "a", int64(1), 1.5, true, map[string]any{"a": "x"}, []any{nil}}).Draw(t, "oddValue")
	}
	switch {
	case s["properties"] != nil:
		doc := map[string]any{}
		for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom(append(fieldNames(), "unknown")), rapid.ID[string]).Draw(t, "fields") {
			p, _ := s["properties"].(map[string]any)[name].(map[string]any)
			doc[name] = anyValue(t, p, depth-1)
		}
		return doc
	case s["additionalProperties"] != nil:
		return map[string]any{"k": anyValue(t, s["additionalProperties"].(map[string]any), depth-1)}
	case s["items"] != nil:
		items := make([]any, rapid.IntRange(0, 3).Draw(t, "items"))
		for i := range items {
			items[i] = anyValue(t, s["items"].(map[string]any), depth-1)
		}
		return items
	}
	return map[any]any{"string": "a", "integer": int64(1), "boolean": false, nil: "free"}[s["type"]]
}

func anyKind(t *rapid.T) (*schemas.Kind, map[string]any) {
	s := map[string]any{"type": "object", "properties": map[string]any{"a": anySchema(t, 3), "b": anySchema(t, 2)}}
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	k, err := schemas.Parse([]byte(definition(string(raw))))
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return k, map[string]any{"apiVersion": k.APIVersion(), "kind": k.Kind, "spec": anyValue(t, s, 5)}
}

func TestPruneTwiceIsPruneOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, doc := anyKind(t)
		k.Prune(doc)
		once := text(doc)
		if again := k.Prune(doc); len(again) > 0 || text(doc) != once {
			t.Fatalf("pruned again: %v, from %s to %s", again, once, text(doc))
		}
	})
}

func TestDefaultTwiceIsDefaultOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, doc := anyKind(t)
		k.Default(doc)
		once := text(doc)
		k.Default(doc)
		if text(doc) != once {
			t.Fatalf("defaulted again: from %s to %s", once, text(doc))
		}
	})
}

func TestWhatIsValidIsValidWithItsDefaults(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, doc := anyKind(t)
		if len(k.Validate(doc, nil)) > 0 {
			// An empty spec is always valid, so that no draw says nothing.
			doc["spec"] = map[string]any{}
		}
		k.Default(doc)
		if after := k.Validate(doc, nil); len(after) > 0 {
			t.Fatalf("defaults made it invalid: %v", after)
		}
	})
}

func TestDefaultsAddNothingUnknown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, doc := anyKind(t)
		k.Prune(doc)
		k.Default(doc)
		if unknown := k.Prune(doc); len(unknown) > 0 {
			t.Fatalf("defaults added %v", unknown)
		}
	})
}

// Validate must have something to say, in the same words each time, of any
// document whatever.
func TestValidateSaysTheSameEachTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, doc := anyKind(t)
		first, second := messages(k.Validate(doc, nil)), messages(k.Validate(doc, nil))
		if fmt.Sprint(first) != fmt.Sprint(second) {
			t.Fatalf("%q and %q", first, second)
		}
	})
}

func text(doc map[string]any) string {
	raw, err := json.Marshal(doc)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}
