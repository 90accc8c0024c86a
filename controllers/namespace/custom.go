package namespace

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/reconcile"
)

// customKinds are the users' kinds with objects in namespaces, by name. A definition that comes or
// changes while a namespace is being emptied brings the namespace back.
func customKinds(ctx context.Context, objects reconcile.Objects) ([]string, error) {
	definitions, err := objects.List(ctx, v1.CustomResourceDefinition, "", nil)
	if err != nil {
		return nil, fmt.Errorf("read the definitions of kinds: %w", err)
	}
	var kinds []string
	for _, obj := range definitions {
		var spec struct {
			Group string `json:"group"`
			Scope string `json:"scope"`
			Names struct {
				Kind string `json:"kind"`
			} `json:"names"`
		}
		if json.Unmarshal(obj.Spec, &spec) != nil || spec.Scope != "Namespaced" || spec.Group == api.Group {
			continue // no kind, or one of the program's own, which come in their own order
		}
		kinds = append(kinds, api.KindOf(spec.Group+"/v", spec.Names.Kind))
	}
	slices.Sort(kinds)
	return slices.Compact(kinds), nil
}
