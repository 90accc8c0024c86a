package schemas

import (
	"k8s.io/apimachinery/pkg/runtime"
)

// Default fills in, in place, what the schema has defaults for, also inside of
// what it filled in. A null counts as absent, and is removed, unless the field
// is nullable: then it stays, as it was wanted.
func (k *Kind) Default(doc map[string]any) { setDefaults(doc, k.Schema) }

func setDefaults(v any, s *Schema) {
	switch v := v.(type) {
	case map[string]any:
		for name, p := range s.Properties {
			old, there := v[name]
			if there && old == nil && !p.takesNull() {
				delete(v, name)
				there = false
			}
			if !there && p.Default != nil {
				v[name] = runtime.DeepCopyJSONValue(p.Default)
			}
			if value := v[name]; value != nil {
				setDefaults(value, p)
			}
		}
		if s.AdditionalProperties == nil {
			return
		}
		for name, value := range v {
			if value == nil && !s.AdditionalProperties.takesNull() {
				delete(v, name)
				continue
			}
			setDefaults(value, s.AdditionalProperties)
		}
	case []any:
		if s.Items == nil {
			return
		}
		for _, item := range v {
			setDefaults(item, s.Items)
		}
	}
}
