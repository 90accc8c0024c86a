package schemas

import (
	"fmt"

	kjson "sigs.k8s.io/json"
)

// Decode reads a JSON document of the kind. Numbers become int64 where they are
// whole and fit, else float64. strict names the fields that are there twice, as
// `duplicate field "spec.x"`; the last one counts. err means that the body is
// not a JSON object at all.
func (k *Kind) Decode(data []byte) (doc map[string]any, strict []string, err error) {
	var v any
	duplicates, err := kjson.UnmarshalStrict(data, &v, kjson.DisallowDuplicateFields)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", k.Kind, err)
	}
	doc, ok := v.(map[string]any)
	if !ok {
		return nil, nil, fmt.Errorf("read %s: the document is of type %s, not an object", k.Kind, typeOf(v))
	}
	for _, d := range duplicates {
		strict = append(strict, d.Error())
	}
	return doc, strict, nil
}
