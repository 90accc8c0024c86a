package schemas

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/kube-openapi/pkg/validation/spec"
)

const (
	metaPrefix     = "io.k8s.apimachinery.pkg.apis.meta.v1."
	objectMetaName = metaPrefix + "ObjectMeta"
	listMetaName   = metaPrefix + "ListMeta"
	refPrefix      = "#/components/schemas/"
)

// Definitions are the OpenAPI schemas of the kinds, of their lists and of what
// those refer to, by component name. They are what managedfields.NewTypeConverter
// takes for server-side apply.
func Definitions(kinds []*Kind) (map[string]*spec.Schema, error) {
	meta, err := objectMeta()
	if err != nil {
		return nil, fmt.Errorf("define metadata: %w", err)
	}
	all := map[string]*spec.Schema{objectMetaName: published(meta), listMetaName: listMeta()}
	for _, k := range kinds {
		object := published(k.Schema)
		object.Properties["metadata"] = refTo(objectMetaName, meta.Description)
		object.AddExtension("x-kubernetes-group-version-kind", gvk(k, k.Kind))
		all[k.component()] = object
		all[k.component()+"List"] = listOf(k)
		if k.Scale != nil {
			all[scaleName] = scaleSchema(meta.Description)
		}
	}
	return all, nil
}

// component is the name of the kind's schema: io.powernode.v1.Pipeline.
func (k *Kind) component() string {
	group := strings.Split(k.Group, ".")
	if k.Group == "" {
		group = []string{"core", "api", "k8s", "io"}
	}
	slices.Reverse(group)
	return strings.Join(append(group, k.Version, k.Kind), ".")
}

func gvk(k *Kind, kind string) []any {
	return []any{map[string]any{"group": k.Group, "version": k.Version, "kind": kind}}
}

// refTo refers to another schema; beside a bare $ref a description would not count.
func refTo(name, description string) spec.Schema {
	target := *spec.RefSchema(refPrefix + name)
	return spec.Schema{SchemaProps: spec.SchemaProps{Description: description, AllOf: []spec.Schema{target}, Default: map[string]any{}}}
}

func listOf(k *Kind) *spec.Schema {
	s := &spec.Schema{SchemaProps: spec.SchemaProps{
		Description: k.ListKind + " is a list of objects of kind " + k.Kind + ".",
		Type:        spec.StringOrArray{"object"},
		Required:    []string{"items"},
		Properties: map[string]spec.Schema{
			"apiVersion": stringProperty("The group and version of this document's format."),
			"kind":       stringProperty("What the list is."),
			"metadata":   refTo(listMetaName, "Metadata of the list."),
			"items": {SchemaProps: spec.SchemaProps{
				Description: "The objects.",
				Type:        spec.StringOrArray{"array"},
				Items:       &spec.SchemaOrArray{Schema: spec.RefSchema(refPrefix + k.component())},
			}},
		},
	}}
	s.AddExtension("x-kubernetes-group-version-kind", gvk(k, k.ListKind))
	return s
}

func listMeta() *spec.Schema {
	return &spec.Schema{SchemaProps: spec.SchemaProps{
		Description: "Metadata that every list has.",
		Type:        spec.StringOrArray{"object"},
		Properties: map[string]spec.Schema{
			"resourceVersion": stringProperty("The version that the list is of; a watch goes on from there."),
			"continue":        stringProperty("Names the next page; empty on the last one."),
			"remainingItemCount": {SchemaProps: spec.SchemaProps{
				Description: "How many objects come after this page, when that is known.",
				Type:        spec.StringOrArray{"integer"}, Format: "int64",
			}},
			"selfLink": stringProperty("No longer used."),
		},
	}}
}

func stringProperty(description string) spec.Schema {
	return spec.Schema{SchemaProps: spec.SchemaProps{Description: description, Type: spec.StringOrArray{"string"}}}
}
