package schemas

import (
	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// operation describes what one verb does to objects of the kind. id is its
// name, made of the verb and the kind when empty.
func (k *Kind) operation(action, id string) *spec3.Operation {
	if id == "" {
		id = action + k.Kind
	}
	body := k.component()
	if action == "list" {
		body += "List"
	}
	op := &spec3.Operation{OperationProps: spec3.OperationProps{
		OperationId: id,
		Parameters:  queryParameters(action),
		RequestBody: k.requestBody(action),
		Responses: &spec3.Responses{ResponsesProps: spec3.ResponsesProps{StatusCodeResponses: map[int]*spec3.Response{
			200: {ResponseProps: spec3.ResponseProps{Description: "OK", Content: content(body, "application/json")}},
		}}},
	}}
	op.AddExtension("x-kubernetes-action", action)
	op.AddExtension("x-kubernetes-group-version-kind", gvk(k, k.Kind)[0])
	return op
}

// queryParameters are those that an action knows. kubectl leaves validation to
// the server only when patch names fieldValidation.
func queryParameters(action string) []*spec3.Parameter {
	query := func(name, kind, description string) *spec3.Parameter {
		return parameter("query", name, kind, description)
	}
	dryRun := query("dryRun", "string", "All: check and answer, but store nothing.")
	written := []*spec3.Parameter{
		dryRun,
		query("fieldManager", "string", "Who changes the fields."),
		query("fieldValidation", "string", "What to do with unknown and duplicate fields: Strict refuses, Warn (the default) warns, Ignore drops them."),
	}
	selected := []*spec3.Parameter{
		query("labelSelector", "string", "Which labels the objects have."),
		query("fieldSelector", "string", "Which fields the objects have."),
		query("limit", "integer", "How many objects a page has at most."),
		query("continue", "string", "The page to go on with."),
		query("resourceVersion", "string", "The version to read at or after."),
		query("resourceVersionMatch", "string", "How resourceVersion is meant: Exact or NotOlderThan."),
	}
	switch action {
	case "post", "put":
		return written
	case "patch":
		return append(written, query("force", "boolean", "Take over fields that others manage, in a server-side apply."))
	case "list":
		return append(selected,
			query("watch", "boolean", "Stream changes instead of listing."),
			query("allowWatchBookmarks", "boolean", "Send a bookmark now and then."),
			query("sendInitialEvents", "boolean", "Begin the watch with what is there."),
			query("timeoutSeconds", "integer", "When to end the watch."))
	case "deletecollection":
		return append(selected, dryRun)
	case "delete":
		return []*spec3.Parameter{dryRun, query("propagationPolicy", "string", "What happens to what the object owns: Background, Foreground or Orphan.")}
	}
	return []*spec3.Parameter{query("resourceVersion", "string", "The version to read at or after.")}
}

func (k *Kind) requestBody(action string) *spec3.RequestBody {
	switch action {
	case "post", "put":
		return &spec3.RequestBody{RequestBodyProps: spec3.RequestBodyProps{Required: true, Content: content(k.component(), "application/json")}}
	case "patch":
		types := []string{"application/merge-patch+json", "application/json-patch+json", "application/apply-patch+yaml"}
		if k.Group == "" {
			types = append(types, "application/strategic-merge-patch+json")
		}
		patch := map[string]*spec3.MediaType{}
		for _, t := range types {
			patch[t] = &spec3.MediaType{MediaTypeProps: spec3.MediaTypeProps{Schema: &spec.Schema{}}}
		}
		return &spec3.RequestBody{RequestBodyProps: spec3.RequestBodyProps{Required: true, Content: patch}}
	}
	return nil
}

func content(component, mediaType string) map[string]*spec3.MediaType {
	return map[string]*spec3.MediaType{mediaType: {MediaTypeProps: spec3.MediaTypeProps{Schema: spec.RefSchema(refPrefix + component)}}}
}
