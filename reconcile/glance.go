package reconcile

import (
	"context"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// Glance lists the objects of a kind in a namespace ("" is all), ordered by name, and is not
// remembered: no change of them brings the object back. It is for what decides nothing unless
// it is found, where a List would bring all objects of a kind back for each other's sake.
func Glance(ctx context.Context, from Objects, kind, namespace string) ([]*api.Object, error) {
	o, ok := from.(*objects)
	if !ok {
		return from.List(ctx, kind, namespace, nil)
	}
	list, err := o.store.List(ctx, kind, store.ListOptions{Namespace: namespace})
	return list.Items, err
}
