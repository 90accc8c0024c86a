package garbage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// examine does what is to be done about one object, as it is in the store now.
func (c *collection) examine(ctx context.Context, uid types.UID) error {
	n, ok := c.graph.find(uid)
	if !ok {
		return nil
	}
	obj, err := c.Store.Get(ctx, n.key)
	if errors.Is(err, api.ErrNotFound) || err == nil && obj.UID != uid {
		return nil // its feed will tell
	}
	if err != nil {
		return err
	}
	now := nodeOf(obj)
	switch {
	case now.orphaner:
		return c.orphan(ctx, obj)
	case now.foreground:
		return c.foreground(ctx, obj)
	case now.deleting || len(now.owners) == 0:
		return nil
	}
	owners, known, err := c.judge(ctx, obj)
	if err != nil || !known {
		return err
	}
	return c.collect(ctx, obj, owners)
}

// owners are an object's references by what became of the owners.
type owners struct {
	solid   []metav1.OwnerReference // there
	dead    []metav1.OwnerReference // gone
	waiting []metav1.OwnerReference // being deleted in the foreground
}

// judge reads every owner; known is false when one of them can't be judged.
func (c *collection) judge(ctx context.Context, obj *api.Object) (o owners, known bool, err error) {
	for _, ref := range obj.OwnerReferences {
		kind, ok := c.kinds.find(api.KindOf(ref.APIVersion, ref.Kind))
		if !ok || kind.Namespaced && obj.Namespace == "" {
			return o, false, nil
		}
		key := api.Key{Kind: kind.stored(), Name: ref.Name}
		if kind.Namespaced {
			key.Namespace = obj.Namespace
		}
		owner, err := c.owner(ctx, key, ref.UID)
		switch {
		case err != nil:
			return o, false, err
		case owner == nil:
			o.dead = append(o.dead, ref)
		case nodeOf(owner).foreground:
			o.waiting = append(o.waiting, ref)
		default:
			o.solid = append(o.solid, ref)
		}
	}
	return o, true, nil
}

// owner reads an owner; nil when there is none of that name with that uid.
func (c *collection) owner(ctx context.Context, key api.Key, uid types.UID) (*api.Object, error) {
	if c.absent.has(key, uid) {
		return nil, nil
	}
	obj, err := c.Store.Get(ctx, key)
	if errors.Is(err, api.ErrNotFound) || err == nil && obj.UID != uid {
		c.absent.add(key, uid)
		return nil, nil
	}
	return obj, err
}

// collect deletes an object that no owner holds any more, or takes off the references that hold nothing.
func (c *collection) collect(ctx context.Context, obj *api.Object, o owners) error {
	if len(o.solid) > 0 {
		return c.release(ctx, obj, slices.Concat(o.dead, o.waiting))
	}
	var policy metav1.DeletionPropagation // by the finalizers that it has
	if dependents := c.graph.dependentsOf(obj.UID); len(o.waiting) > 0 && len(dependents) > 0 {
		policy = metav1.DeletePropagationForeground
		if slices.ContainsFunc(dependents, func(n *node) bool { return n.foreground }) {
			var err error
			if obj, err = c.unblock(ctx, obj); err != nil {
				return err
			}
		}
	}
	return c.delete(ctx, obj, policy)
}

func (c *collection) delete(ctx context.Context, obj *api.Object, policy metav1.DeletionPropagation) error {
	if c.MayDelete != nil && c.MayDelete(obj.Key()) != nil {
		return nil
	}
	pre := store.Preconditions{UID: string(obj.UID), ResourceVersion: obj.ResourceVersion}
	finalizers := store.Finalizers(func(have []string) []string { return api.Propagate(policy, have) })
	if _, err := c.Store.Delete(ctx, obj.Key(), pre, store.By(by), finalizers); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	return nil
}

// release takes references off an object.
func (c *collection) release(ctx context.Context, obj *api.Object, refs []metav1.OwnerReference) error {
	next := obj.Clone()
	next.OwnerReferences = slices.DeleteFunc(next.OwnerReferences, func(r metav1.OwnerReference) bool {
		return slices.ContainsFunc(refs, func(dead metav1.OwnerReference) bool { return dead.UID == r.UID && sameRef(dead, r) })
	})
	if len(next.OwnerReferences) == len(obj.OwnerReferences) {
		return nil
	}
	_, err := c.Store.Update(ctx, next, store.By(by))
	return err
}

// unblock keeps an object from holding up its owners: where owners wait for each other in a circle,
// one has to go first.
func (c *collection) unblock(ctx context.Context, obj *api.Object) (*api.Object, error) {
	next, no := obj.Clone(), false
	for i := range next.OwnerReferences {
		next.OwnerReferences[i].BlockOwnerDeletion = &no
	}
	return c.Store.Update(ctx, next, store.By(by))
}

// absent remembers owners that were found to be gone: a uid does not come back.
type absent struct {
	mu   sync.Mutex
	gone map[absentOwner]bool
}

type absentOwner struct {
	key api.Key
	uid types.UID
}

const absentMost = 10_000

func (a *absent) has(key api.Key, uid types.UID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.gone[absentOwner{key, uid}]
}

func (a *absent) add(key api.Key, uid types.UID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone == nil || len(a.gone) >= absentMost {
		a.gone = map[absentOwner]bool{}
	}
	a.gone[absentOwner{key, uid}] = true
}
