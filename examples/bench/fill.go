package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
)

// fillers is how many write at once what a measurement starts from.
const fillers = 64

// fill makes objects through the store, as they would have come through the API.
func (s *stage) fill(ctx context.Context, objects int, object func(n int) *api.Object) error {
	beside := s.beside()
	defer beside.close()
	to, err := beside.store(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.bench.progress, "making %d objects\n", objects)
	group, ctx := errgroup.WithContext(ctx)
	for first := range fillers {
		group.Go(func() error {
			for n := first; n < objects; n += fillers {
				if _, err := to.Create(ctx, object(n)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// managed is a ConfigMap with the account of its fields.
func managed(n int) *api.Object {
	o := configMap(fmt.Sprintf("filled-%08d", n), n)
	o.ManagedFields = account(`{"f:data":{".":{},"f:text":{}}}`)
	return o
}

// resting is a Pipeline that nothing starts.
func resting(n int) *api.Object {
	return &api.Object{
		TypeMeta:   metav1.TypeMeta{APIVersion: api.Group + "/" + api.Version, Kind: "Pipeline"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("resting-%08d", n), ManagedFields: account(`{"f:spec":{"f:steps":{}}}`)},
		Spec:       json.RawMessage(`{"type":"custom","steps":[{"name":"only","type":"custom","with":{"run":"echo ` + text(n) + `"}}]}`),
	}
}

func account(fields string) []metav1.ManagedFieldsEntry {
	return []metav1.ManagedFieldsEntry{{
		Manager: "bench", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", Time: &metav1.Time{Time: time.Now()},
		FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fields),
	}}
}
