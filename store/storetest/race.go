package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

var raceRules = []rule{
	{"of many who compare and swap each success counts once", func(t *testing.T, s store.Store) { Counter(t, s, s) }},
	{"who lists and then watches sees everything", func(t *testing.T, s store.Store) { ListThenWatch(t, s, s) }},
}

// Counter counts up in one object from all sides, on stores that share it.
func Counter(t *testing.T, stores ...store.Store) {
	const writers, times = 4, 25
	key := create(t, stores[0], with(object("count"), spec(0))).Key()
	ctx, cancel := context.WithTimeout(t.Context(), 4*long)
	defer cancel()
	var group sync.WaitGroup
	for _, s := range stores {
		for range writers {
			group.Go(func() {
				for range times {
					if err := increment(ctx, s, key); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	group.Wait()
	for _, s := range stores {
		if n, err := value(get(t, s, key)); err != nil || n != len(stores)*writers*times {
			t.Fatalf("counted %d of %d, %v", n, len(stores)*writers*times, err)
		}
	}
}

func value(o *api.Object) (int, error) {
	var v struct{ N int }
	err := json.Unmarshal(o.Spec, &v)
	return v.N, err
}

// increment adds one, as often as it takes.
func increment(ctx context.Context, s store.Store, key api.Key) error {
	for {
		o, err := s.Get(ctx, key)
		if err != nil {
			return err
		}
		n, err := value(o)
		if err != nil {
			return err
		}
		_, err = s.Update(ctx, with(o, spec(n+1)))
		if !errors.Is(err, api.ErrConflict) {
			return err
		}
	}
}

// ListThenWatch has clients list and watch from there, on every store, while others write on every
// store; in the end each client must know what is.
func ListThenWatch(t *testing.T, stores ...store.Store) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*long)
	defer cancel()
	var writers, clients sync.WaitGroup
	for n, s := range stores {
		for w := range 4 {
			writers.Go(func() { churn(ctx, t, s, fmt.Sprintf("w%d-%d", n, w)) })
		}
	}
	clients.Go(func() {
		writers.Wait()
		if _, err := stores[0].Create(ctx, object("end")); err != nil {
			t.Error(err)
			cancel()
		}
	})
	for _, s := range stores {
		for range 5 {
			clients.Go(func() { follow(ctx, t, s) })
			time.Sleep(5 * time.Millisecond) // so that they begin at different places
		}
	}
	clients.Wait()
}

// churn creates, changes and deletes objects of its own.
func churn(ctx context.Context, t *testing.T, s store.Store, prefix string) {
	for i := range 60 {
		o, err := s.Create(ctx, object(fmt.Sprintf("%s-%d", prefix, i)))
		if err == nil && i%2 == 0 {
			o, err = s.Update(ctx, with(o, spec(i)))
		}
		if err == nil && i%3 == 0 {
			_, err = s.Delete(ctx, o.Key(), store.Preconditions{})
		}
		if err != nil {
			t.Errorf("%s-%d: %v", prefix, i, err)
			return
		}
	}
}

// follow keeps a copy by list and watch until the object "end" comes, and compares it.
func follow(ctx context.Context, t *testing.T, s store.Store) {
	l, err := s.List(ctx, kind, store.ListOptions{})
	if err != nil {
		t.Error(err)
		return
	}
	known := map[string]string{}
	for _, o := range l.Items {
		known[o.Name] = o.ResourceVersion
	}
	last := l.Revision
	if known["end"] == "" {
		for e, err := range s.Watch(ctx, kind, l.Revision, store.WatchOptions{}) {
			if err != nil || e.Revision <= last {
				t.Errorf("event at %d after %d: %v", e.Revision, last, err)
				return
			}
			last = e.Revision
			if e.Type == store.Deleted {
				delete(known, e.Object.Name)
			} else {
				known[e.Object.Name] = e.Object.ResourceVersion
			}
			if e.Object.Name == "end" {
				break
			}
		}
	}
	compare(ctx, t, s, known)
}

func compare(ctx context.Context, t *testing.T, s store.Store, known map[string]string) {
	truth, err := s.List(ctx, kind, store.ListOptions{})
	if err != nil {
		t.Error(err)
		return
	}
	for _, o := range truth.Items {
		if known[o.Name] != o.ResourceVersion {
			t.Errorf("%s is at %s, the client knows %q", o.Name, o.ResourceVersion, known[o.Name])
		}
	}
	if len(known) != len(truth.Items) {
		t.Errorf("the client knows %d objects of %d", len(known), len(truth.Items))
	}
}
