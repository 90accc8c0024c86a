package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/rbac"
	"github.com/powernode/powernode/store"
)

// seedTries is how often a default object is looked at again that another server changed meanwhile.
const seedTries = 5

// SeedRoles makes sure that the default roles and bindings are in the store, and have what
// they have by default. Call it before a Server of the store serves; what is complete is not written.
func SeedRoles(ctx context.Context, objects store.Store) error {
	defaults, err := rbac.Defaults()
	if err != nil {
		return err
	}
	for _, want := range defaults {
		obj, err := rbac.Encode(want)
		if err != nil {
			return fmt.Errorf("encode a default role: %w", err)
		}
		if err := seed(ctx, objects, obj, want); err != nil {
			return fmt.Errorf("default %s: %w", obj.Key(), err)
		}
	}
	return nil
}

func seed(ctx context.Context, objects store.Store, obj *api.Object, want any) (err error) {
	for range seedTries {
		if err = seedOnce(ctx, objects, obj, want); !errors.Is(err, api.ErrExists) && !errors.Is(err, api.ErrConflict) && !errors.Is(err, api.ErrNotFound) {
			return err
		}
	}
	return err
}

func seedOnce(ctx context.Context, objects store.Store, obj *api.Object, want any) error {
	live, err := objects.Get(ctx, obj.Key())
	if errors.Is(err, api.ErrNotFound) {
		_, err = objects.Create(ctx, obj, store.By("pnserver"))
		return err
	}
	if err != nil {
		return err
	}
	next, changed, err := rbac.Restore(live, want)
	if err != nil || !changed {
		return err
	}
	_, err = objects.Update(ctx, next, store.By("pnserver"))
	return err
}
