package reconcile

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// objects is the Objects of one pass: it notes in reads what the pass reads and writes.
type objects struct {
	store  store.Store
	reads  *reads
	reader api.Key
	// follow returns once changes of the kind are being told.
	follow func(ctx context.Context, kind string) error
}

func (o *objects) Get(ctx context.Context, key api.Key) (*api.Object, error) {
	if err := o.note(ctx, key); err != nil {
		return nil, err
	}
	obj, err := o.store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	o.reads.sawKey(o.reader, key, revisionOf(obj))
	return obj, nil
}

func (o *objects) List(ctx context.Context, kind, namespace string, selector labels.Selector) ([]*api.Object, error) {
	if err := o.follow(ctx, kind); err != nil {
		return nil, err
	}
	saw := o.reads.readList(o.reader, scope{kind, namespace}, selector)
	list, err := o.store.List(ctx, kind, store.ListOptions{Namespace: namespace, Labels: selector})
	if err != nil {
		return nil, err
	}
	saw(list.Revision)
	return list.Items, nil
}

// Create notes the key as read too: whether it was free decided what happened.
func (o *objects) Create(ctx context.Context, obj *api.Object) (*api.Object, error) {
	key := obj.Key()
	if err := o.note(ctx, key); err != nil {
		return nil, err
	}
	made, err := o.store.Create(ctx, obj, o.by())
	if err != nil {
		return nil, err
	}
	o.reads.wroteKey(o.reader, key, revisionOf(made), true)
	return made, nil
}

func (o *objects) Update(ctx context.Context, obj *api.Object) (*api.Object, error) {
	key := obj.Key()
	if err := o.note(ctx, key); err != nil {
		return nil, err
	}
	made, err := o.store.Update(ctx, obj, o.by())
	if err != nil {
		return nil, err
	}
	o.reads.wroteKey(o.reader, key, revisionOf(made), true)
	return made, nil
}

func (o *objects) Delete(ctx context.Context, key api.Key) error {
	if err := o.note(ctx, key); err != nil {
		return err
	}
	last, err := o.store.Delete(ctx, key, store.Preconditions{}, o.by())
	if errors.Is(err, api.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	o.reads.wroteKey(o.reader, key, revisionOf(last), false)
	return nil
}

func (o *objects) note(ctx context.Context, key api.Key) error {
	if err := o.follow(ctx, key.Kind); err != nil {
		return err
	}
	o.reads.readKey(o.reader, key)
	return nil
}

func (o *objects) by() store.WriteOption { return store.By("controller of " + o.reader.Kind) }
