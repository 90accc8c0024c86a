package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

// reflectorPause is the wait before a kind is read again whose watch has ended.
const reflectorPause = 200 * time.Millisecond

// reflector keeps what was made of the objects of one kind up with the store, and knows up to which
// revision it has come.
type reflector[T any] struct {
	store store.Store
	kind  string
	// read makes what is kept of an object; one that it gives an error for is left out.
	read func(*api.Object) (T, error)
	// changed is told of every change before reach tells of it; failed of what went wrong.
	changed func()
	failed  func(error)

	mu      sync.Mutex
	entries map[api.Key]T
	at      store.Revision
	loaded  bool
	moved   store.Bell
}

// run follows the kind until ctx ends.
func (m *reflector[T]) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := m.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		m.failed(fmt.Errorf("follow %s: %w", m.kind, err))
		select {
		case <-ctx.Done():
		case <-time.After(reflectorPause):
		}
	}
}

// follow reads all, then every change, until something fails.
func (m *reflector[T]) follow(ctx context.Context) error {
	list, err := m.store.List(ctx, m.kind, store.ListOptions{})
	if err != nil {
		return err
	}
	entries := map[api.Key]T{}
	for _, obj := range list.Items {
		m.put(entries, obj)
	}
	m.set(func() { m.entries, m.loaded = entries, true }, list.Revision)
	for event, err := range m.store.Watch(ctx, m.kind, list.Revision, store.WatchOptions{}) {
		if err != nil {
			return err
		}
		m.set(func() { m.apply(event) }, event.Revision)
	}
	return errors.New("the watch ended")
}

// set changes what is kept, and then tells that it has come to a revision.
func (m *reflector[T]) set(change func(), at store.Revision) {
	m.mu.Lock()
	change()
	m.changed()
	m.at = at
	m.mu.Unlock()
	m.moved.Ring()
}

func (m *reflector[T]) apply(event store.Event) {
	switch event.Type {
	case store.Deleted:
		delete(m.entries, event.Object.Key())
	case store.Added, store.Modified:
		m.put(m.entries, event.Object)
	}
}

func (m *reflector[T]) put(entries map[api.Key]T, obj *api.Object) {
	entry, err := m.read(obj)
	if err != nil {
		delete(entries, obj.Key())
		m.failed(err)
		return
	}
	entries[obj.Key()] = entry
}

// reach waits until the reflector has come to a revision at which the kind changed.
func (m *reflector[T]) reach(ctx context.Context, at store.Revision) error {
	for {
		bell := m.moved.Next()
		m.mu.Lock()
		reached := m.loaded && m.at >= at
		m.mu.Unlock()
		if reached {
			return nil
		}
		select {
		case <-bell:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// each calls visit with all that is kept, in no order; false before the first read.
func (m *reflector[T]) each(visit func(T)) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, entry := range m.entries {
		visit(entry)
	}
	return m.loaded
}
