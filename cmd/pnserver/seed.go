package main

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/schemas"
	"github.com/powernode/powernode/store"
)

// seeder is the author of what a server puts into the store when it starts.
const seeder = "pnserver"

// seed puts into the store what a server needs and what comes with it, and mends what another
// version left. What is there as it should be is not written.
func seed(ctx context.Context, objects store.Store) error {
	if err := ensureNamespace(ctx, objects, "default"); err != nil {
		return err
	}
	definitions, err := schemas.OwnDefinitions()
	if err != nil {
		return err
	}
	for _, obj := range definitions {
		if err := ensureSpec(ctx, objects, obj); err != nil {
			return fmt.Errorf("definition %s: %w", obj.Name, err)
		}
	}
	return nil
}

// ensureNamespace creates a namespace unless it is there.
func ensureNamespace(ctx context.Context, objects store.Store, name string) error {
	_, err := objects.Create(ctx, &api.Object{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: v1.Namespace},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       []byte(`{"finalizers":["kubernetes"]}`),
	}, store.By(seeder))
	if err != nil && !errors.Is(err, api.ErrExists) {
		return fmt.Errorf("create namespace %s: %w", name, err)
	}
	return nil
}

// ensureSpec makes sure that an object is there with this spec. Another server may be about the same.
func ensureSpec(ctx context.Context, objects store.Store, want *api.Object) error {
	for {
		live, err := objects.Get(ctx, want.Key())
		switch {
		case errors.Is(err, api.ErrNotFound):
			_, err = objects.Create(ctx, want, store.By(seeder))
		case err == nil && !api.SameJSON(live.Spec, want.Spec):
			next := live.Clone()
			next.Spec = want.Spec
			_, err = objects.Update(ctx, next, store.By(seeder))
		}
		if !errors.Is(err, api.ErrConflict) && !errors.Is(err, api.ErrExists) {
			return err
		}
	}
}
