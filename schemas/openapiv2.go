package schemas

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	openapiv2 "github.com/google/gnostic-models/openapiv2"
	"google.golang.org/protobuf/proto"
	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

const refPrefixV2 = "#/definitions/"

// OpenAPIv2 is the OpenAPI v2 document of all kinds, in the protocol buffers
// that clients before OpenAPI v3 ask /openapi/v2 for: they validate, explain and
// apply by it. It says the same as the v3 documents, as far as v2 and those
// clients have words for it. Equal kinds give equal bytes.
func OpenAPIv2(kinds []*Kind) ([]byte, error) {
	doc, err := Swagger(kinds)
	if err != nil {
		return nil, err
	}
	parsed, err := openapiv2.ParseDocument(doc)
	if err != nil {
		return nil, fmt.Errorf("read OpenAPI v2: %w", err)
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(parsed)
	if err != nil {
		return nil, fmt.Errorf("encode OpenAPI v2: %w", err)
	}
	return raw, nil
}

// Swagger is the same document as OpenAPIv2 in JSON.
func Swagger(kinds []*Kind) ([]byte, error) {
	definitions, err := Definitions(kinds)
	if err != nil {
		return nil, err
	}
	doc := &spec.Swagger{SwaggerProps: spec.SwaggerProps{
		Swagger:     "2.0",
		Info:        &spec.Info{InfoProps: spec.InfoProps{Title: "Powernode", Version: "v1"}},
		Paths:       &spec.Paths{Paths: map[string]spec.PathItem{}},
		Definitions: spec.Definitions{},
	}}
	for name, s := range definitions {
		doc.Definitions[name] = *schemaV2(s)
	}
	for _, k := range kinds {
		paths := map[string]*spec3.Path{}
		k.addPaths(paths)
		for path, item := range paths {
			doc.Paths.Paths[path] = pathV2(item)
		}
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encode OpenAPI v2: %w", err)
	}
	return raw, nil
}

// schemaV2 is a schema in the words of OpenAPI v2. The clients that read it
// trip over choices, over null, and over fields of objects that take others too:
// of those it says less.
func schemaV2(s *spec.Schema) *spec.Schema {
	if ref := reference(s); ref != "" {
		out := spec.RefSchema(ref)
		out.Description = s.Description
		return out
	}
	out := *s
	out.AllOf, out.AnyOf, out.OneOf, out.Not = nil, nil, nil, nil
	open, _ := s.Extensions["x-kubernetes-preserve-unknown-fields"].(bool)
	if s.Nullable || open {
		out.Type, out.Nullable, out.Items, out.Properties, out.AdditionalProperties, out.Required = nil, false, nil, nil, nil, nil
		return &out
	}
	if s.Items != nil && s.Items.Schema != nil {
		out.Items = &spec.SchemaOrArray{Schema: schemaV2(s.Items.Schema)}
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		out.AdditionalProperties = &spec.SchemaOrBool{Allows: true, Schema: schemaV2(s.AdditionalProperties.Schema)}
	}
	if s.Properties != nil {
		out.Properties = make(map[string]spec.Schema, len(s.Properties))
		for name, p := range s.Properties {
			out.Properties[name] = *schemaV2(&p)
		}
	}
	out.Required = slices.DeleteFunc(slices.Clone(s.Required), func(name string) bool { return s.Properties[name].Nullable })
	return &out
}

// reference is what s refers to, by its name in v2; empty for a schema of its own.
func reference(s *spec.Schema) string {
	ref := s.Ref.String()
	if ref == "" && len(s.AllOf) == 1 {
		ref = s.AllOf[0].Ref.String()
	}
	name, found := strings.CutPrefix(ref, refPrefix)
	if !found {
		return ""
	}
	return refPrefixV2 + name
}

func pathV2(p *spec3.Path) spec.PathItem {
	return spec.PathItem{PathItemProps: spec.PathItemProps{
		Get: operationV2(p.Get), Put: operationV2(p.Put), Post: operationV2(p.Post),
		Patch: operationV2(p.Patch), Delete: operationV2(p.Delete),
		Parameters: parametersV2(p.Parameters),
	}}
}

func operationV2(op *spec3.Operation) *spec.Operation {
	if op == nil {
		return nil
	}
	out := &spec.Operation{
		VendorExtensible: op.VendorExtensible,
		OperationProps:   spec.OperationProps{ID: op.OperationId, Parameters: parametersV2(op.Parameters), Produces: []string{"application/json"}},
	}
	if body := op.RequestBody; body != nil {
		out.Consumes = slices.Sorted(maps.Keys(body.Content))
		content := body.Content[out.Consumes[0]]
		out.Parameters = append(out.Parameters, spec.Parameter{ParamProps: spec.ParamProps{Name: "body", In: "body", Required: true, Schema: bodyV2(content.Schema)}})
	}
	responses := map[int]spec.Response{}
	for code, r := range op.Responses.StatusCodeResponses {
		response := spec.Response{ResponseProps: spec.ResponseProps{Description: r.Description}}
		if content := r.Content["application/json"]; content != nil {
			response.Schema = bodyV2(content.Schema)
		}
		responses[code] = response
	}
	out.Responses = &spec.Responses{ResponsesProps: spec.ResponsesProps{StatusCodeResponses: responses}}
	return out
}

// bodyV2 is the schema of a body; a patch is an object of whatever fields.
func bodyV2(s *spec.Schema) *spec.Schema {
	if reference(s) != "" {
		return schemaV2(s)
	}
	return &spec.Schema{SchemaProps: spec.SchemaProps{Type: spec.StringOrArray{"object"}}}
}

func parametersV2(parameters []*spec3.Parameter) (out []spec.Parameter) {
	for _, p := range parameters {
		out = append(out, spec.Parameter{
			ParamProps:   spec.ParamProps{Name: p.Name, In: p.In, Description: p.Description, Required: p.Required},
			SimpleSchema: spec.SimpleSchema{Type: p.Schema.Type[0]},
		})
	}
	return out
}
