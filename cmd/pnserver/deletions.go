package main

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/audit"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/schemas"
	"github.com/powernode/powernode/store"
)

// accountable is the store as the controllers and the garbage collector get it: what they delete in
// consequence of somebody's wish (dependents, all of a namespace, old runs) is in the audit
// log beside the call that wished it. Events are not: they go by themselves.
func accountable(objects store.Store, kinds []*schemas.Kind) store.Store {
	plurals := map[string]schema.GroupVersionResource{}
	for _, k := range kinds {
		plurals[k.Stored] = schema.GroupVersionResource{Group: k.Group, Version: k.Version, Resource: k.Plural}
	}
	of := func(key api.Key) bool { return key.Kind != v1.Event }
	return store.AuditDeletes(objects, of, func(by string, c store.Change) audit.Record {
		resource, ok := plurals[c.Key().Kind]
		if !ok {
			resource = userResource(objects, c.New)
		}
		return audit.Record{
			At: time.Now(), User: "system:" + strings.ReplaceAll(by, " ", "-"), Verb: "delete", Code: 200,
			Group: resource.Group, Version: resource.Version, Resource: resource.Resource,
			Namespace: c.New.Namespace, Name: c.New.Name, UID: string(c.New.UID),
		}
	})
}

// userResource finds the plural of a kind that a user has defined.
func userResource(objects store.Store, obj *api.Object) schema.GroupVersionResource {
	gvk := obj.GroupVersionKind()
	found := gvk.GroupVersion().WithResource(strings.ToLower(gvk.Kind))
	definitions, err := objects.List(context.Background(), v1.CustomResourceDefinition, store.ListOptions{Any: true})
	if err != nil {
		return found // better a record by the kind's name than none
	}
	for _, d := range definitions.Items {
		var spec struct {
			Group string
			Names struct{ Kind, Plural string }
		}
		if json.Unmarshal(d.Spec, &spec) == nil && spec.Group == gvk.Group && spec.Names.Kind == gvk.Kind {
			found.Resource = spec.Names.Plural
		}
	}
	return found
}
