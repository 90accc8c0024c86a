package server

import (
	"context"
	"iter"

	"k8s.io/apimachinery/pkg/fields"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/schemas"
	"github.com/powernode/powernode/store"
)

// objects is the store as a request sees it: with the objects of its kind as they are served, where
// that is not how they are stored. Everything that a request reads or writes of its own kind goes
// through it.
type objects struct {
	store.Store
	server *Server
	kind   *schemas.Kind
	// custom is set for kinds whose form may change while there are objects.
	custom bool
}

func (s *Server) objectsOf(c *catalog, k *schemas.Kind) objects {
	_, custom := c.custom[k]
	return objects{s.cfg.Store, s, k, custom}
}

// plain reports whether objects are served as they are stored.
func (o objects) plain() bool {
	return !o.custom && o.kind.Stored == o.kind.Key() && o.kind.StoredVersion == o.kind.APIVersion()
}

// from is a stored object as it is served: the same pointer for the same object, mostly.
func (o objects) from(obj *api.Object) *api.Object {
	if obj == nil || o.plain() {
		return obj
	}
	return o.server.conversions.get(conversion{obj, o.kind}, func() *api.Object {
		if o.kind.Key() == eventsEvent {
			return servedEvent(obj)
		}
		return served(o.kind, obj)
	})
}

// to is a served object as it is stored.
func (o objects) to(obj *api.Object) *api.Object {
	if obj == nil || o.kind.Stored == o.kind.Key() && obj.APIVersion == o.kind.StoredVersion {
		return obj
	}
	if o.kind.Key() == eventsEvent {
		return storedEvent(obj)
	}
	stored := *obj
	stored.APIVersion = o.kind.StoredVersion
	return &stored
}

// served is an object of a user's kind in the version of its path, without the fields that the
// present form does not have and with the defaults that it does: the form may be newer than the object.
func served(k *schemas.Kind, obj *api.Object) *api.Object {
	same := *obj
	same.APIVersion = k.APIVersion()
	data, err := same.MarshalJSON()
	if err != nil {
		return &same
	}
	doc, _, err := k.Decode(data)
	if err != nil {
		return &same
	}
	k.Prune(doc)
	k.Default(doc)
	formed, err := toObject(doc)
	if err != nil {
		return &same
	}
	if sameContent(formed, obj) && api.SameJSON(formed.Status, obj.Status) {
		if obj.APIVersion == same.APIVersion {
			return obj
		}
		return &same
	}
	formed.ObjectMeta = obj.ObjectMeta
	return formed
}

// key names the stored object.
func (o objects) key(key api.Key) api.Key {
	if key.Kind == o.kind.Key() {
		key.Kind = o.kind.Stored
	}
	return key
}

// fields makes a selector of served fields one of stored objects.
func (o objects) fields(f store.Fields) store.Fields {
	if f.Selector == nil || o.plain() {
		return f
	}
	return store.Fields{Selector: f.Selector, Values: func(obj *api.Object) fields.Set { return f.Values(o.from(obj)) }}
}

func (o objects) Get(ctx context.Context, key api.Key) (*api.Object, error) {
	obj, err := o.Store.Get(ctx, o.key(key))
	return o.from(obj), err
}

func (o objects) List(ctx context.Context, kind string, opts store.ListOptions) (store.List, error) {
	opts.Fields = o.fields(opts.Fields)
	list, err := o.Store.List(ctx, o.key(api.Key{Kind: kind}).Kind, opts)
	if err != nil || o.plain() {
		return list, err
	}
	items := make([]*api.Object, len(list.Items))
	for i, obj := range list.Items {
		items[i] = o.from(obj)
	}
	list.Items = items
	return list, nil
}

func (o objects) Create(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	stored, err := o.Store.Create(ctx, o.to(obj), opts...)
	return o.from(stored), err
}

func (o objects) Update(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	stored, err := o.Store.Update(ctx, o.to(obj), opts...)
	return o.from(stored), err
}

func (o objects) UpdateStatus(ctx context.Context, obj *api.Object, opts ...store.WriteOption) (*api.Object, error) {
	stored, err := o.Store.UpdateStatus(ctx, o.to(obj), opts...)
	return o.from(stored), err
}

func (o objects) Delete(ctx context.Context, key api.Key, pre store.Preconditions, opts ...store.WriteOption) (*api.Object, error) {
	obj, err := o.Store.Delete(ctx, o.key(key), pre, opts...)
	return o.from(obj), err
}

func (o objects) Watch(ctx context.Context, kind string, from store.Revision, opts store.WatchOptions) iter.Seq2[store.Event, error] {
	opts.Fields = o.fields(opts.Fields)
	events := o.Store.Watch(ctx, o.key(api.Key{Kind: kind}).Kind, from, opts)
	if o.plain() {
		return events
	}
	return func(yield func(store.Event, error) bool) {
		for event, err := range events {
			event.Object = o.newest().from(event.Object)
			if !yield(event, err) {
				return
			}
		}
	}
}

func (o objects) History(ctx context.Context, key api.Key) ([]store.Version, error) {
	versions, err := o.Store.History(ctx, o.key(key))
	for i := range versions {
		versions[i].Object = o.from(versions[i].Object)
	}
	return versions, err
}
