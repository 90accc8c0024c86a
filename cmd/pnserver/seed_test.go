package main

import (
	"context"
	"testing"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/schemas"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/memory"
)

func TestASecondStartSeedsNothingAndMendsWhatDiffers(t *testing.T) {
	ctx, objects := context.Background(), &memory.Store{}
	revision := func() store.Revision {
		t.Helper()
		if err := seed(ctx, objects); err != nil {
			t.Fatal(err)
		}
		at, err := objects.Revision(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	first := revision()
	if second := revision(); second != first {
		t.Errorf("a second start wrote: revision %s after %s", second, first)
	}
	key := api.Key{Kind: schemas.DefinitionKind, Name: "pipelines.powernode.io"}
	live, err := objects.Get(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	old := live.Clone()
	old.Spec, old.Labels = []byte(`{"group":"powernode.io","versions":[]}`), map[string]string{"kept": "yes"}
	if _, err := objects.Update(ctx, old); err != nil {
		t.Fatal(err)
	}
	revision()
	mended, err := objects.Get(ctx, key)
	if err != nil || !api.SameJSON(mended.Spec, live.Spec) || mended.Labels["kept"] != "yes" {
		t.Errorf("not mended: %s, %v", mended.Spec, err)
	}
}
