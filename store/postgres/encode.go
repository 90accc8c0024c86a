package postgres

import (
	"encoding/json"
	"fmt"

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
	if err := json.Unmarshal(data, o); err != nil {
		return nil, fmt.Errorf("decode the object of revision %d: %w", at, err)
	}
	o.ResourceVersion = at.String()
	return o, nil
}

// The operations as the log of changes names them.
var (
	opOf   = map[store.EventType]string{store.Added: "A", store.Modified: "M", store.Deleted: "D"}
	typeOf = map[string]store.EventType{"A": store.Added, "M": store.Modified, "D": store.Deleted}
)
