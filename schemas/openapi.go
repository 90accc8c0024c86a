package schemas

import (
	"encoding/json"
	"fmt"
	"path"

	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// OpenAPI is the OpenAPI v3 document, in JSON, of one group and version: what
// /openapi/v3/apis/GROUP/VERSION serves. Kinds of another group or version are
// left out. Equal kinds give equal bytes.
func OpenAPI(group, version string, kinds []*Kind) ([]byte, error) {
	var served []*Kind
	paths := map[string]*spec3.Path{}
	for _, k := range kinds {
		if k.Group == group && k.Version == version {
			served = append(served, k)
			k.addPaths(paths)
		}
	}
	definitions, err := Definitions(served)
	if err != nil {
		return nil, err
	}
	doc := &spec3.OpenAPI{
		Version:    "3.0.0",
		Info:       &spec.Info{InfoProps: spec.InfoProps{Title: "Powernode", Version: version}},
		Paths:      &spec3.Paths{Paths: paths},
		Components: &spec3.Components{Schemas: definitions},
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encode OpenAPI of %s/%s: %w", group, version, err)
	}
	return raw, nil
}

// addPaths adds the paths of a kind: its collection, its objects, and their
// subresources.
func (k *Kind) addPaths(paths map[string]*spec3.Path) {
	root := "/apis/" + k.APIVersion()
	if k.Group == "" {
		root = "/api/" + k.Version
	}
	collection := path.Join(root, k.Plural)
	if k.Namespaced {
		paths[collection] = &spec3.Path{PathProps: spec3.PathProps{Get: k.operation("list", "List"+k.Kind+"ForAllNamespaces")}}
		collection = path.Join(root, "namespaces", "{namespace}", k.Plural)
	}
	paths[collection] = &spec3.Path{PathProps: spec3.PathProps{
		Get: k.operation("list", ""), Post: k.operation("post", ""), Delete: k.operation("deletecollection", ""),
		Parameters: k.pathParameters(false),
	}}
	object := path.Join(collection, "{name}")
	paths[object] = &spec3.Path{PathProps: spec3.PathProps{
		Get: k.operation("get", ""), Put: k.operation("put", ""), Patch: k.operation("patch", ""), Delete: k.operation("delete", ""),
		Parameters: k.pathParameters(true),
	}}
	k.addScale(paths, object)
	if k.StatusSubresource {
		paths[path.Join(object, "status")] = &spec3.Path{PathProps: spec3.PathProps{
			Get: k.operation("get", "ReadStatus"+k.Kind), Put: k.operation("put", "ReplaceStatus"+k.Kind), Patch: k.operation("patch", "PatchStatus"+k.Kind),
			Parameters: k.pathParameters(true),
		}}
	}
}

func (k *Kind) pathParameters(object bool) (parameters []*spec3.Parameter) {
	if k.Namespaced {
		parameters = append(parameters, parameter("path", "namespace", "string", "Namespace of the object."))
	}
	if object {
		parameters = append(parameters, parameter("path", "name", "string", "Name of the object."))
	}
	return parameters
}

func parameter(in, name, kind, description string) *spec3.Parameter {
	return &spec3.Parameter{ParameterProps: spec3.ParameterProps{
		Name: name, In: in, Description: description, Required: in == "path",
		Schema: &spec.Schema{SchemaProps: spec.SchemaProps{Type: spec.StringOrArray{kind}}},
	}}
}
