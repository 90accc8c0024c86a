package server

import (
	"encoding/base64"
	"slices"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/rbac"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/schemas"
)

// controllerFinalizer holds a namespace, or the definition of a kind, until its controller has
// removed what is in it. It is there from the start, so that nothing outlives one which is deleted
// before its controller has seen it.
const controllerFinalizer = "powernode.io/controller"

// begin gives a new object of a core kind what it starts with.
func begin(kind *schemas.Kind, obj *api.Object) error {
	namespace := kind.Key() == v1.Namespace
	if !namespace && kind.Key() != v1.CustomResourceDefinition {
		return nil
	}
	if !slices.Contains(obj.Finalizers, controllerFinalizer) {
		obj.Finalizers = append(obj.Finalizers, controllerFinalizer)
	}
	if !namespace {
		return nil
	}
	obj.Status = []byte(`{"phase":"Active"}`)
	return holdNamespace(obj)
}

// kindEvent is the kind that all Events are stored as.
const kindEvent = "Event"

// admitCore has the rules of core kinds that their schemas can't say; old is nil for a create.
func (s *Server) admitCore(r *request, old, obj *api.Object) error {
	switch r.kind.Key() {
	case kindNamespace:
		return finalizeNamespace(r, old, obj)
	case schemas.DefinitionKind:
		return s.admitDefinition(r, old, obj)
	case eventsEvent:
		return admitEvent(r, old, obj)
	}
	return nil
}

// complete does to the core kinds what Kubernetes does to them before anything
// else looks: clients rely on it.
func complete(kind *schemas.Kind, doc map[string]any) {
	switch kind.Key() {
	case schemas.DefinitionKind:
		schemas.CompleteDefinition(doc)
	case "Secret":
		foldStringData(doc)
	case rbac.KindRoleBinding, rbac.KindClusterRoleBinding:
		rbac.CompleteSubjects(doc)
	}
}

// foldStringData moves stringData, which is for writing only, into data.
func foldStringData(doc map[string]any) {
	plain, ok := doc["stringData"].(map[string]any)
	if !ok {
		if doc["stringData"] == nil {
			delete(doc, "stringData")
		}
		return // of a wrong type: the schema tells
	}
	data, ok := doc["data"].(map[string]any)
	if !ok {
		if doc["data"] != nil {
			return
		}
		data = map[string]any{}
	}
	for key, value := range plain {
		text, ok := value.(string)
		if !ok {
			return
		}
		data[key] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	if len(data) > 0 {
		doc["data"] = data
	}
	delete(doc, "stringData")
}
