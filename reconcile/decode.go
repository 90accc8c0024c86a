package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/powernode/powernode/api"
)

var errPanic = errors.New("the controller crashed on this object; the server's log has the details")

// Decode gives an object its types. Absent spec and status are zero values. The
// result shares nothing with obj; its Objects is nil.
func Decode[S, O any](obj *api.Object) (*Object[S, O], error) {
	typed := &Object[S, O]{Key: obj.Key()}
	obj.ObjectMeta.DeepCopyInto(&typed.Meta)
	if len(obj.Spec) > 0 {
		if err := json.Unmarshal(obj.Spec, &typed.Spec); err != nil {
			return nil, fmt.Errorf("%s: spec: %w", typed.Key, err)
		}
	}
	if len(obj.Status) > 0 {
		if err := json.Unmarshal(obj.Status, &typed.Status); err != nil {
			return nil, fmt.Errorf("%s: status: %w", typed.Key, err)
		}
	}
	return typed, nil
}

// Read gets another object with its types; api.ErrNotFound when there is none.
func Read[S, O any](ctx context.Context, objects Objects, key api.Key) (*Object[S, O], error) {
	obj, err := objects.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	return Decode[S, O](obj)
}
