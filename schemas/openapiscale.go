package schemas

import (
	"path"

	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// scaleName is the component of what a scale subresource reads and writes.
const scaleName = "io.k8s.api.autoscaling.v1.Scale"

// addScale adds the path of the scale subresource.
func (k *Kind) addScale(paths map[string]*spec3.Path, object string) {
	if k.Scale == nil {
		return
	}
	item := &spec3.Path{PathProps: spec3.PathProps{
		Get: k.operation("get", "ReadScale"+k.Kind), Put: k.operation("put", "ReplaceScale"+k.Kind), Patch: k.operation("patch", "PatchScale"+k.Kind),
		Parameters: k.pathParameters(true),
	}}
	for _, op := range []*spec3.Operation{item.Get, item.Put, item.Patch} {
		op.AddExtension("x-kubernetes-group-version-kind", map[string]any{"group": "autoscaling", "version": "v1", "kind": "Scale"})
		op.Responses.StatusCodeResponses[200].Content = content(scaleName, "application/json")
	}
	item.Put.RequestBody.Content = content(scaleName, "application/json")
	paths[path.Join(object, "scale")] = item
}

// scaleSchema describes autoscaling/v1 Scale.
func scaleSchema(metadata string) *spec.Schema {
	object := func(description string, properties map[string]spec.Schema) spec.Schema {
		return spec.Schema{SchemaProps: spec.SchemaProps{Description: description, Type: spec.StringOrArray{"object"}, Properties: properties}}
	}
	number := func(description string) spec.Schema {
		return spec.Schema{SchemaProps: spec.SchemaProps{Description: description, Type: spec.StringOrArray{"integer"}, Format: "int32"}}
	}
	s := object("How many there should be of something, and how many there are.", map[string]spec.Schema{
		"apiVersion": stringProperty("The group and version of this document's format."),
		"kind":       stringProperty("What the object is."),
		"metadata":   refTo(objectMetaName, metadata),
		"spec":       object("What is wanted.", map[string]spec.Schema{"replicas": number("How many there should be.")}),
		"status": object("What there is.", map[string]spec.Schema{
			"replicas": number("How many there are."),
			"selector": stringProperty("Selects those that are counted."),
		}),
	})
	s.AddExtension("x-kubernetes-group-version-kind", []any{map[string]any{"group": "autoscaling", "version": "v1", "kind": "Scale"}})
	return &s
}
