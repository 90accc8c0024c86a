package main

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	kjson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/rest"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
)

// A subject is one object of any kind, which need not be there any more, that was
// named on the command line.
type subject struct {
	mapping   *meta.RESTMapping
	client    resource.RESTClient
	namespace string // "" for kinds outside namespaces
	name      string
}

// String is what kubectl's own commands call an object: pipeline.powernode.io/build.
func (s *subject) String() string {
	kind := schema.GroupKind{Group: s.mapping.GroupVersionKind.Group, Kind: strings.ToLower(s.mapping.GroupVersionKind.Kind)}
	return kind.String() + "/" + s.name
}

// named reads KIND/NAME or KIND NAME.
func named(cmdPath string, args []string) (kind, name string, err error) {
	var found bool
	switch len(args) {
	case 1:
		kind, name, found = strings.Cut(args[0], "/")
	case 2:
		kind, name, found = args[0], args[1], !strings.Contains(args[0]+args[1], "/")
	}
	if !found || kind == "" || name == "" || strings.Contains(name, "/") {
		return "", "", fmt.Errorf("one object is needed, as KIND/NAME or KIND NAME: %s pl/build", cmdPath)
	}
	return kind, name, nil
}

// findSubject asks discovery what the arguments name.
func findSubject(f cmdutil.Factory, cmdPath string, args []string) (*subject, error) {
	kind, name, err := named(cmdPath, args)
	if err != nil {
		return nil, err
	}
	mapping, err := mappingOf(f, kind)
	if err != nil {
		return nil, err
	}
	s := &subject{mapping: mapping, name: name}
	if s.client, err = f.UnstructuredClientForMapping(mapping); err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		s.namespace, _, err = f.ToRawKubeConfigLoader().Namespace()
	}
	return s, err
}

// mappingOf knows a kind by its plural, singular or short name, with or without version and group.
func mappingOf(f cmdutil.Factory, kind string) (*meta.RESTMapping, error) {
	mapper, err := f.ToRESTMapper()
	if err != nil {
		return nil, err
	}
	full, short := schema.ParseResourceArg(strings.ToLower(kind))
	var gvk schema.GroupVersionKind
	if full != nil {
		gvk, _ = mapper.KindFor(*full) // tried as a group of the same form next
	}
	if gvk.Empty() {
		if gvk, err = mapper.KindFor(short.WithVersion("")); err != nil {
			return nil, fmt.Errorf("the server doesn't have a resource type %q", kind)
		}
	}
	return mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
}

// at is a request for the object.
func (s *subject) at(r *rest.Request, params map[string]string) *rest.Request {
	r = r.NamespaceIfScoped(s.namespace, s.namespace != "").Resource(s.mapping.Resource.Resource).Name(s.name).
		SetHeader("Accept", "application/json")
	for name, value := range params {
		r = r.Param(name, value)
	}
	return r
}

func (s *subject) get(ctx context.Context) (*unstructured.Unstructured, error) {
	return document(s.at(s.client.Get(), nil).Do(ctx).Raw())
}

// below reads a subresource of the object.
func (s *subject) below(ctx context.Context, name string, params map[string]string) (*unstructured.Unstructured, error) {
	return document(s.at(s.client.Get(), params).SubResource(name).Do(ctx).Raw())
}

func (s *subject) patch(ctx context.Context, kind types.PatchType, body []byte, params map[string]string) (*unstructured.Unstructured, error) {
	return document(s.at(s.client.Patch(kind), params).Body(body).Do(ctx).Raw())
}

// document reads one JSON object; one with items stays an object too.
func document(raw []byte, err error) (*unstructured.Unstructured, error) {
	if err != nil {
		return nil, withStatus(raw, err)
	}
	u := &unstructured.Unstructured{}
	if err := kjson.Unmarshal(raw, &u.Object); err != nil {
		return nil, fmt.Errorf("the answer is not an object: %w", err)
	}
	return u, nil
}
