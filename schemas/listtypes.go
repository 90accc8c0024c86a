package schemas

import (
	"encoding/json"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// listTypeKeyword lists, in a compiled schema, the keys that tell the items of
// a list apart; none for a set of scalars.
const listTypeKeyword = "x-kubernetes-list-type"

// listTypes teaches the compiler the keyword.
type listTypes struct{}

var _ jsonschema.ExtCompiler = listTypes{}

func (listTypes) Compile(_ jsonschema.CompilerContext, m map[string]any) (jsonschema.ExtSchema, error) {
	raw, ok := m[listTypeKeyword].([]any)
	if !ok {
		return nil, nil
	}
	keys := make(distinct, len(raw))
	for i, key := range raw {
		keys[i] = fmt.Sprint(key)
	}
	return keys, nil
}

// distinct demands that no two items of a list have the same values of these keys.
type distinct []string

func (d distinct) Validate(ctx jsonschema.ValidationContext, v any) error {
	items, ok := v.([]any)
	if !ok || len(d.repeated(items)) == 0 {
		return nil
	}
	return ctx.Error(listTypeKeyword, "items are repeated")
}

// repeated are the indexes of the items that were there before.
func (d distinct) repeated(items []any) (again []int) {
	seen := make(map[string]struct{}, len(items))
	for i, item := range items {
		id, ok := d.id(item)
		if !ok {
			continue
		}
		if _, there := seen[id]; there {
			again = append(again, i)
		}
		seen[id] = struct{}{}
	}
	return again
}

// id is the same for items that are the same; false for an item without its keys.
func (d distinct) id(item any) (string, bool) {
	if len(d) > 0 {
		object, ok := item.(map[string]any)
		if !ok {
			return "", false
		}
		values := make([]any, len(d))
		for i, key := range d {
			if values[i], ok = object[key]; !ok {
				return "", false
			}
		}
		if s, isString := values[0].(string); isString && len(d) == 1 {
			return `"` + s, true // no list of values starts like this
		}
		item = values
	}
	raw, err := json.Marshal(item)
	return string(raw), err == nil
}
