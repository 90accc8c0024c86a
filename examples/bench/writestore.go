package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/audit"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/postgres"
)

// size is that of an object's value.
const size = 1024

// kind is the stored kind of all objects: one that no controller looks at.
const kind = "ConfigMap"

func storeWriters() []writer {
	all := map[int]target{1: {ratio: 0.7}, 8: {ratio: 0.6}, 32: {ratio: 1.3}, 64: {ratio: 2}}
	return []writer{
		{"store update", all, storeUpdates(1)},
		{"store update, audited", nil, storeUpdates(1, store.Audited(recordOf))},
		{"store update, 2 servers", map[int]target{64: {ratio: 1.7}}, storeUpdates(2)},
		{"store create", nil, storeCreates},
	}
}

// text is a value that says n.
func text(n int) string { return fmt.Sprintf("%08d", n) + strings.Repeat("x", size-8) }

func configMap(name string, n int) *api.Object {
	return &api.Object{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: kind},
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Rest:       map[string]json.RawMessage{"data": dataOf(n)},
	}
}

func dataOf(n int) json.RawMessage { return json.RawMessage(`{"text":"` + text(n) + `"}`) }

// name is one that was not used before.
func (f *field) name() string {
	f.serial++
	return fmt.Sprintf("bench-%08d", f.serial)
}

// storeUpdates has each client change an object of its own, through one of the servers.
func storeUpdates(servers int, opts ...store.WriteOption) func(context.Context, *field, int) (work, func(), error) {
	return func(ctx context.Context, f *field, clients int) (work, func(), error) {
		stores, others := []*postgres.Store{f.store}, f.stage.beside()
		for len(stores) < servers {
			s, err := others.store(ctx)
			if err != nil {
				return nil, nil, err
			}
			stores = append(stores, s)
		}
		objects := make([]*api.Object, clients)
		for c := range objects {
			var err error
			if objects[c], err = stores[c%servers].Create(ctx, configMap(f.name(), 0)); err != nil {
				return nil, nil, err
			}
		}
		return func(ctx context.Context, c, n int) (err error) {
			o := *objects[c]
			o.Rest = map[string]json.RawMessage{"data": dataOf(n + 1)}
			objects[c], err = stores[c%servers].Update(ctx, &o, opts...)
			return err
		}, others.close, nil
	}
}

func storeCreates(_ context.Context, f *field, _ int) (work, func(), error) {
	prefix := f.name()
	return func(ctx context.Context, c, n int) error {
		_, err := f.store.Create(ctx, configMap(fmt.Sprintf("%s-%d-%d", prefix, c, n), n))
		return err
	}, func() {}, nil
}

// recordOf is a record as the API makes it of an update, with both states of the object.
func recordOf(c store.Change) audit.Record {
	before, _ := json.Marshal(c.Old) // objects that came out of the store have a form
	after, _ := json.Marshal(c.New)
	return audit.Record{
		At: time.Now(), RequestID: "0f7a4ae6-3d2f-4be1-a2c4-2f9b5b1f9d10", User: "ann@example.com", Groups: []string{"dev", "system:authenticated"},
		SourceIP: "10.1.2.3", UserAgent: "pnctl/1.0", Verb: "update", Version: "v1", Resource: "configmaps",
		Namespace: c.New.Namespace, Name: c.New.Name, UID: string(c.New.UID), Code: 200, Old: before, New: after,
	}
}
