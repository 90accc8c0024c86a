package server

import (
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/powernode/powernode/api"
)

// mergedWith is the live object as a merge patch (RFC 7396) makes it. The account of whose
// its fields are is in the document only if the patch sets it.
func (r *request) mergedWith(live *api.Object, patch map[string]any, strict []string) (document, error) {
	before, err := r.fieldsOf(live)
	if err != nil {
		return document{}, err
	}
	doc := document{fields: runtime.DeepCopyJSON(before), strict: strict, before: before}
	mergeInto(doc.fields, patch)
	return doc, r.checkType(doc.fields)
}

// mergeInto changes doc by patch, of which it keeps nothing.
func mergeInto(doc, patch map[string]any) {
	for name, value := range patch {
		if value == nil {
			delete(doc, name)
			continue
		}
		fields, isObject := value.(map[string]any)
		switch present, wasObject := doc[name].(map[string]any); {
		case wasObject && isObject:
			mergeInto(present, fields)
		case wasObject:
			doc[name] = runtime.DeepCopyJSONValue(value)
		default:
			doc[name] = withoutNulls(runtime.DeepCopyJSONValue(value))
		}
	}
}

// withoutNulls removes from what a patch adds the fields that it would have removed.
func withoutNulls(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, field := range value {
			if field == nil {
				delete(value, name)
				continue
			}
			withoutNulls(field)
		}
	case []any:
		for _, item := range value {
			withoutNulls(item)
		}
	}
	return value
}
