package garbage

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// foreground lets an owner go once no dependent blocks it. The dependents were given to
// examine when its deletion was seen; each that goes brings the owner back here.
func (c *collection) foreground(ctx context.Context, obj *api.Object) error {
	if c.graph.circle(obj.UID) {
		_, err := c.unblock(ctx, obj)
		return err
	}
	if c.graph.blocked(obj.UID) {
		return nil
	}
	late, err := c.late(ctx, obj)
	if err != nil || slices.ContainsFunc(late, func(n *node) bool { return n.blocks(obj.UID) }) {
		return err
	}
	if c.graph.blocked(obj.UID) { // again: the feeds that are not late may have come there since
		return nil
	}
	return c.finalized(ctx, obj, metav1.FinalizerDeleteDependents)
}

// orphan has all dependents forget an owner, then lets it go.
func (c *collection) orphan(ctx context.Context, obj *api.Object) error {
	late, err := c.late(ctx, obj)
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(16)
	for _, n := range append(late, c.graph.dependentsOf(obj.UID)...) {
		group.Go(func() error { return c.forget(ctx, n, obj.UID) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return c.finalized(ctx, obj, metav1.FinalizerOrphanDependents)
}

// forget takes the references to an owner off a dependent.
func (c *collection) forget(ctx context.Context, n *node, owner types.UID) error {
	obj, err := c.Store.Get(ctx, n.key)
	if errors.Is(err, api.ErrNotFound) || err == nil && obj.UID != n.uid {
		return nil
	}
	if err != nil {
		return err
	}
	var refs []metav1.OwnerReference
	for _, r := range obj.OwnerReferences {
		if r.UID == owner {
			refs = append(refs, r)
		}
	}
	return c.release(ctx, obj, refs)
}

// finalized takes one of the collector's finalizers off.
func (c *collection) finalized(ctx context.Context, obj *api.Object, finalizer string) error {
	next := obj.Clone()
	next.Finalizers = slices.DeleteFunc(next.Finalizers, func(f string) bool { return f == finalizer })
	_, err := c.Store.Update(ctx, next, store.By(by))
	if errors.Is(err, api.ErrNotFound) {
		return nil
	}
	return err
}

// late lists the dependents that the graph may not have heard of though they were there
// when the owner was marked: those of kinds whose feeds have not come as far as the owner's state.
func (c *collection) late(ctx context.Context, owner *api.Object) (late []*node, err error) {
	kinds, err := c.stored(ctx)
	if err != nil {
		return nil, err
	}
	at := int64(nodeOf(owner).revision)
	for _, kind := range kinds {
		if f := c.kinds.feedOf(kind); f != nil && f.at.Load() >= at {
			continue
		}
		list, err := c.Store.List(ctx, kind, store.ListOptions{Fields: ownedBy(owner.UID)})
		if err != nil {
			return nil, fmt.Errorf("list dependents: %w", err)
		}
		for _, obj := range list.Items {
			late = append(late, nodeOf(obj))
		}
	}
	return late, nil
}

// stored lists the kinds that there are now, as the store knows them.
func (c *collection) stored(ctx context.Context) ([]string, error) {
	found := map[string]bool{definitions: true}
	for _, k := range c.Kinds {
		found[k.stored()] = true
	}
	crds, err := c.Store.List(ctx, definitions, store.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list definitions: %w", err)
	}
	for _, crd := range crds.Items {
		if kind, ok := defined(crd); ok {
			found[kind.Name] = true
		}
	}
	delete(found, events)
	var list []string
	for kind := range found {
		list = append(list, kind)
	}
	return list, nil
}

// ownedBy selects the objects that name an owner.
func ownedBy(uid types.UID) store.Fields {
	const name = "owner"
	return store.Fields{
		Selector: fields.OneTermEqualSelector(name, string(uid)),
		Values: func(obj *api.Object) fields.Set {
			for _, r := range obj.OwnerReferences {
				if r.UID == uid {
					return fields.Set{name: string(uid)}
				}
			}
			return fields.Set{}
		},
	}
}
