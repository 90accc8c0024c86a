package postgres

import (
	"fmt"
	"unique"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// maxObject is the largest document that is stored, in bytes.
const maxObject = 4 << 20

// encode is the document as it is stored: without the resourceVersion, which only the commit knows.
func encode(o *api.Object) ([]byte, error) {
	plain := *o
	plain.ResourceVersion = ""
	data, err := plain.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w: %w", o.Key(), api.ErrInvalid, err)
	}
	if len(data) > maxObject {
		return nil, fmt.Errorf("%s is %d bytes long, at most %d are stored: %w", o.Key(), len(data), maxObject, api.ErrInvalid)
	}
	return data, nil
}

// decode is the object that a stored document is at a revision.
func decode(data []byte, at store.Revision) (*api.Object, error) {
	o := new(api.Object)
	if err := o.UnmarshalJSON(data); err != nil { // json.Unmarshal would look through it once more
		return nil, fmt.Errorf("decode the object of revision %d: %w", at, err)
	}
	o.ResourceVersion = at.String()
	share(o)
	return o, nil
}

// share has the object use the same bytes as all others for words that are always the same.
func share(o *api.Object) {
	words := []*string{&o.Kind, &o.APIVersion, &o.Namespace}
	for i := range o.ManagedFields {
		f := &o.ManagedFields[i]
		words = append(words, &f.Manager, &f.APIVersion, &f.FieldsType, (*string)(&f.Operation))
	}
	for _, word := range words {
		*word = unique.Make(*word).Value()
	}
}

// The operations as the log of changes names them.
var (
	opOf   = map[store.EventType]string{store.Added: "A", store.Modified: "M", store.Deleted: "D"}
	typeOf = map[string]store.EventType{"A": store.Added, "M": store.Modified, "D": store.Deleted}
)
