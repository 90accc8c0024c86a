package server_test

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestCreateFillsInWhatTheServerKnows(t *testing.T) {
	h := start(t)
	got := h.want(h.post(widgets, `{"metadata":{"name":"a","uid":"mine","generation":9,"creationTimestamp":"2001-01-01T00:00:00Z",
		"deletionTimestamp":"2001-01-01T00:00:00Z","managedFields":[{"manager":"me"}],"selfLink":"x"},"spec":{"size":1,"parts":[{"name":"p"}]},"status":{"phase":"Fake"}}`), 201).object(t)
	if got.UID == "mine" || got.UID == "" || got.Generation != 1 || got.CreationTimestamp.Year() == 2001 || got.DeletionTimestamp != nil ||
		len(got.ManagedFields) != 1 || got.ManagedFields[0].Manager != "Go-http-client" || got.ResourceVersion == "" || got.Namespace != "default" || got.APIVersion != "test.powernode.io/v1" || len(got.Status) > 0 {
		t.Errorf("got %+v", got)
	}
	contains(t, "owners", got.ManagedFields[0].FieldsV1.GetRawString(), `{"f:spec":{".":{},"f:colour":{},"f:parts":{},"f:size":{}}}`)
	contains(t, "defaults", string(got.Spec), `"colour":"red"`, `"count":1`)
}

func TestCreateRefuses(t *testing.T) {
	h := start(t)
	h.widget("taken", 1)
	for _, c := range []struct {
		name, path, body string
		code             int
		reason           metav1.StatusReason
		message          string
	}{
		{"a name that is taken", widgets, widgetBody("taken", 1), 409, metav1.StatusReasonAlreadyExists, `widgets.test.powernode.io "taken" already exists`},
		{"malformed JSON", widgets, `{"spec":`, 400, metav1.StatusReasonBadRequest, "read Widget"},
		{"no object", widgets, `[1]`, 400, metav1.StatusReasonBadRequest, "not an object"},
		{"another kind", widgets, `{"kind":"Gadget","metadata":{"name":"a"}}`, 400, metav1.StatusReasonBadRequest, "kind"},
		{"another version", widgets, `{"apiVersion":"test.powernode.io/v2","metadata":{"name":"a"}}`, 400, metav1.StatusReasonBadRequest, "apiVersion"},
		{"another namespace", widgets, `{"metadata":{"name":"a","namespace":"b"},"spec":{"size":1}}`, 400, metav1.StatusReasonBadRequest, "does not match the namespace"},
		{"a resourceVersion", widgets, `{"metadata":{"name":"a","resourceVersion":"1"},"spec":{"size":1}}`, 400, metav1.StatusReasonBadRequest, "should not be set"},
		{"no name", widgets, `{"spec":{"size":1}}`, 422, metav1.StatusReasonInvalid, "metadata.name: Required value"},
		{"a wrong name", widgets, widgetBody("A_b", 1), 422, metav1.StatusReasonInvalid, "metadata.name: Invalid value"},
		{"a wrong label", widgets, `{"metadata":{"name":"a","labels":{"x":"a b"}},"spec":{"size":1}}`, 422, metav1.StatusReasonInvalid, "metadata.labels"},
		{"a wrong finalizer", widgets, `{"metadata":{"name":"a","finalizers":["a b"]},"spec":{"size":1}}`, 422, metav1.StatusReasonInvalid, "metadata.finalizers"},
		{"too large annotations", widgets, `{"metadata":{"name":"a","annotations":{"x":"` + strings.Repeat("x", 257<<10) + `"}},"spec":{"size":1}}`, 422, metav1.StatusReasonInvalid, "metadata.annotations: Too long"},
		{"a wrong type", widgets, `{"metadata":{"name":"a"},"spec":{"size":"big"}}`, 422, metav1.StatusReasonInvalid, "spec.size"},
		{"a wrong type of metadata", widgets, `{"metadata":{"name":5},"spec":{"size":1}}`, 422, metav1.StatusReasonInvalid, "metadata.name"},
		{"a missing field", widgets, `{"metadata":{"name":"a"},"spec":{}}`, 422, metav1.StatusReasonInvalid, "spec.size: Required value"},
		{"an unknown namespace", strings.Replace(widgets, "default", "nowhere", 1), widgetBody("a", 1), 404, metav1.StatusReasonNotFound, `namespaces "nowhere" not found`},
		{"a wrong namespace name", "/api/v1/namespaces", `{"metadata":{"name":"a.b"}}`, 422, metav1.StatusReasonInvalid, "metadata.name"},
		{"a namespace in a namespace", "/api/v1/namespaces", `{"metadata":{"name":"a","namespace":"b"}}`, 422, metav1.StatusReasonInvalid, "metadata.namespace"},
		{"an unknown option", widgets + "?fieldValidation=Perhaps", widgetBody("a", 1), 422, metav1.StatusReasonInvalid, "fieldValidation: Unsupported value"},
		{"an unknown dry run", widgets + "?dryRun=Some", widgetBody("a", 1), 422, metav1.StatusReasonInvalid, "dryRun: Unsupported value"},
		{"all namespaces", allWidgets, widgetBody("a", 1), 405, metav1.StatusReasonMethodNotAllowed, "not supported"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := *h
			h.TB = t
			h.refused(h.post(c.path, c.body), c.code, c.reason, c.message)
		})
	}
	if got := h.get(widgets).json(t)["items"].([]any); len(got) != 1 {
		t.Errorf("something was stored: %v", got)
	}
}

func TestValidationErrorsHaveCauses(t *testing.T) {
	h := start(t)
	st := h.refused(h.post(widgets, `{"metadata":{"name":"a"},"spec":{"size":0,"colour":"pink"}}`), 422, metav1.StatusReasonInvalid, `Widget.test.powernode.io "a" is invalid`)
	causes := fmt.Sprint(st.Details.Causes)
	if st.Details.Kind != "Widget" || st.Details.Group != "test.powernode.io" || st.Details.Name != "a" || len(st.Details.Causes) != 2 {
		t.Errorf("details %+v", st.Details)
	}
	contains(t, "causes", causes, "spec.size", "spec.colour", "FieldValueNotSupported")
}

func TestFieldValidation(t *testing.T) {
	h := start(t)
	const body = `{"metadata":{"name":"a","bogus":1},"spec":{"size":1,"size":2,"parts":[{"name":"p","bogus":1}]},"more":true}`
	h.refused(h.post(widgets+"?fieldValidation=Strict", body), 400, metav1.StatusReasonBadRequest,
		`Widget in version "v1" cannot be handled as a Widget: strict decoding error: duplicate field "spec.size", unknown field "metadata.bogus", unknown field "more", unknown field "spec.parts[0].bogus"`)
	warned := h.want(h.post(widgets+"?dryRun=All", body), 201)
	if w := warned.header.Values("Warning"); len(w) != 4 || w[0] != `299 - "duplicate field \"spec.size\""` {
		t.Errorf("warnings %q", w)
	}
	ignored := h.want(h.post(widgets+"?fieldValidation=Ignore", body), 201)
	if w := ignored.header.Values("Warning"); len(w) != 0 {
		t.Errorf("warnings %q", w)
	}
	if strings.Contains(ignored.body, "bogus") || strings.Contains(ignored.body, "more") {
		t.Errorf("not pruned: %s", ignored)
	}
	h.refused(h.do("PATCH", widgets+"/a?fieldValidation=Strict", `{"spec":{"bogus":1}}`, "Content-Type", "application/merge-patch+json"),
		400, metav1.StatusReasonBadRequest, `unknown field "spec.bogus"`)
	h.refused(h.do("PATCH", widgets+"/a?fieldValidation=Strict", `{"spec":{"size":3,"size":4}}`, "Content-Type", "application/merge-patch+json"),
		400, metav1.StatusReasonBadRequest, `duplicate field "spec.size"`)
	long := h.post(widgets+"?dryRun=All", `{"metadata":{"name":"l"},"`+strings.Repeat("x", 1<<20)+`":1,"spec":{"size":1}}`)
	if w := h.want(long, 201).header.Get("Warning"); len(w) > 300 {
		t.Errorf("a warning of %d bytes", len(w))
	}
	many := strings.Repeat(`,"b":1`, 200)
	if w := h.post(widgets+"?dryRun=All", `{"metadata":{"name":"c"},"spec":{"size":1`+many+`}}`).header.Values("Warning"); len(w) > 21 {
		t.Errorf("%d warnings", len(w))
	}
}

func TestGeneratedNames(t *testing.T) {
	h := start(t)
	names := map[string]bool{}
	for range 3 {
		got := h.want(h.post(widgets, `{"metadata":{"generateName":"run-"},"spec":{"size":1}}`), 201).object(t)
		if len(got.Name) != len("run-")+5 || !strings.HasPrefix(got.Name, "run-") {
			t.Errorf("name %q", got.Name)
		}
		names[got.Name] = true
	}
	if len(names) != 3 {
		t.Errorf("names %v", names)
	}
	long := h.want(h.post(widgets, `{"metadata":{"generateName":"`+strings.Repeat("x", 80)+`"},"spec":{"size":1}}`), 201).object(t)
	if len(long.Name) != 63 {
		t.Errorf("name of %d characters", len(long.Name))
	}
}

func TestDryRunsLeaveNothing(t *testing.T) {
	h := start(t)
	before := h.widget("a", 1)
	revision := h.get(widgets).json(t)["metadata"].(map[string]any)["resourceVersion"]
	contains(t, "create", h.want(h.post(widgets+"?dryRun=All", widgetBody("b", 2)), 201).body, `"name":"b"`, `"uid"`)
	h.refused(h.post(widgets+"?dryRun=All", widgetBody("a", 2)), 409, metav1.StatusReasonAlreadyExists, "already exists")
	patched := h.want(h.do("PATCH", widgets+"/a?dryRun=All", `{"spec":{"size":9}}`, "Content-Type", "application/merge-patch+json"), 200).object(t)
	if patched.Generation != 2 {
		t.Errorf("generation of the would-be object: %d", patched.Generation)
	}
	body := strings.Replace(widgetBody("a", 3), `"name":"a"`, `"name":"a","resourceVersion":"`+before.ResourceVersion+`"`, 1)
	h.want(h.put(widgets+"/a?dryRun=All", body), 200)
	h.want(h.do("PATCH", widgets+"/a/status?dryRun=All", `{"status":{"phase":"X"}}`, "Content-Type", "application/merge-patch+json"), 200)
	h.want(h.do("DELETE", widgets+"/a?dryRun=All", ""), 200)
	h.want(h.do("DELETE", widgets+"/a", `{"dryRun":["All"]}`), 200)
	h.want(h.do("DELETE", widgets+"?dryRun=All", ""), 200)
	after := h.get(widgets).json(t)
	if after["metadata"].(map[string]any)["resourceVersion"] != revision || len(after["items"].([]any)) != 1 {
		t.Errorf("something changed: %v", after)
	}
	if got := h.get(widgets + "/a").object(t); got.ResourceVersion != before.ResourceVersion {
		t.Errorf("got %+v", got)
	}
}

func TestUpdate(t *testing.T) {
	h := start(t)
	a := h.widget("a", 1)
	with := func(meta string, size int) string {
		return fmt.Sprintf(`{"metadata":{"name":"a"%s},"spec":{"size":%d},"status":{"phase":"Fake"}}`, meta, size)
	}
	rv := `,"resourceVersion":"` + a.ResourceVersion + `"`
	h.refused(h.put(widgets+"/a", with("", 2)), 422, metav1.StatusReasonInvalid, "metadata.resourceVersion: Invalid value: 0: must be specified for an update")
	got := h.want(h.put(widgets+"/a", with(rv, 2)), 200).object(t)
	if got.Generation != 2 || len(got.Status) > 0 || got.UID != a.UID || !got.CreationTimestamp.Equal(&a.CreationTimestamp) {
		t.Errorf("got %+v", got)
	}
	h.refused(h.put(widgets+"/a", with(rv, 3)), 409, metav1.StatusReasonConflict,
		`Operation cannot be fulfilled on widgets.test.powernode.io "a": the object has been modified; please apply your changes to the latest version and try again`)
	rv = `,"resourceVersion":"` + got.ResourceVersion + `"`
	h.refused(h.put(widgets+"/b", with(rv, 3)), 400, metav1.StatusReasonBadRequest, "does not match the name on the URL")
	h.refused(h.put(widgets+"/a", with(rv+`,"uid":"other"`, 3)), 409, metav1.StatusReasonConflict, "UID in precondition: other")
	h.refused(h.put(widgets+"/b", strings.Replace(with(rv, 3), `"a"`, `"b"`, 1)), 404, metav1.StatusReasonNotFound, `widgets.test.powernode.io "b" not found`)
	same := h.want(h.put(widgets+"/a", with(rv, 2)), 200).object(t)
	if same.ResourceVersion != got.ResourceVersion {
		t.Error("a write that changes nothing took a revision")
	}
	h.want(h.post("/api/v1/namespaces/default/configmaps", `{"metadata":{"name":"c"},"data":{"a":"1"}}`), 201)
	contains(t, "unconditional", h.want(h.put("/api/v1/namespaces/default/configmaps/c", `{"metadata":{"name":"c"},"data":{"a":"2"}}`), 200).body, `"a":"2"`)
}

func TestStatusIsAPartOfItsOwn(t *testing.T) {
	h := start(t)
	h.widget("a", 1)
	got := h.want(h.merge(widgets+"/a/status", `{"spec":{"size":50},"metadata":{"labels":{"x":"y"}},"status":{"phase":"Up"}}`), 200).object(t)
	if got.Generation != 1 || strings.Contains(string(got.Spec), "50") || got.Labels != nil || string(got.Status) != `{"phase":"Up"}` {
		t.Errorf("got %+v %s %s", got, got.Spec, got.Status)
	}
	got = h.want(h.merge(widgets+"/a", `{"status":{"phase":"Fake"},"spec":{"size":2}}`), 200).object(t)
	if got.Generation != 2 || string(got.Status) != `{"phase":"Up"}` {
		t.Errorf("got %+v %s", got, got.Status)
	}
	put := strings.Replace(widgetBody("a", 1), `"spec"`, `"status":{"phase":"Put"},"spec"`, 1)
	put = strings.Replace(put, `"name":"a"`, `"name":"a","resourceVersion":"`+got.ResourceVersion+`"`, 1)
	contains(t, "put", h.want(h.put(widgets+"/a/status", put), 200).body, `"phase":"Put"`, `"size":2`)
	contains(t, "get", h.want(h.get(widgets+"/a/status"), 200).body, `"phase":"Put"`)
	h.refused(h.merge(widgets+"/a/status", `{"status":{"phase":7}}`), 422, metav1.StatusReasonInvalid, "status.phase")
	h.refused(h.do("DELETE", widgets+"/a/status", ""), 405, metav1.StatusReasonMethodNotAllowed, "DELETE is not supported")
	h.refused(h.get("/api/v1/namespaces/default/secrets/x/status"), 404, metav1.StatusReasonNotFound, "the server could not find the requested resource")
}

func TestSecretsKeepTheirRules(t *testing.T) {
	h := start(t)
	const path = "/api/v1/namespaces/default/secrets"
	got := h.want(h.post(path, `{"metadata":{"name":"s"},"data":{"a":"MQ==","b":"Mg=="},"stringData":{"b":"two","c":"3"}}`), 201)
	contains(t, "created", got.body, `"a":"MQ=="`, `"b":"dHdv"`, `"c":"Mw=="`, `"type":"Opaque"`)
	if strings.Contains(got.body, "stringData") {
		t.Errorf("stringData is kept: %s", got)
	}
	bad := h.refused(h.post(path, `{"metadata":{"name":"t"},"data":{"key":"not base64 hunter2"}}`), 422, metav1.StatusReasonInvalid, "data")
	if strings.Contains(fmt.Sprint(bad), "hunter2") {
		t.Errorf("the value is in the error: %v", bad)
	}
	h.refused(h.merge(path+"/s", `{"type":"other"}`), 422, metav1.StatusReasonInvalid, "type")
	h.want(h.merge(path+"/s", `{"immutable":true}`), 200)
	h.refused(h.merge(path+"/s", `{"stringData":{"a":"x"}}`), 422, metav1.StatusReasonInvalid, "data")
}

func TestNamespacesStayUntilTheyAreEmpty(t *testing.T) {
	h := start(t)
	ns := h.want(h.post("/api/v1/namespaces", `{"metadata":{"name":"n"}}`), 201)
	contains(t, "created", ns.body, `"phase":"Active"`, `"finalizers":["powernode.io/controller"]`)
	contains(t, "deleted", h.want(h.do("DELETE", "/api/v1/namespaces/n", ""), 200).body, `"kind":"Namespace"`, `"deletionTimestamp"`)
	st := h.refused(h.post(strings.Replace(widgets, "default", "n", 1), widgetBody("a", 1)), 403, metav1.StatusReasonForbidden, "because it is being terminated")
	if len(st.Details.Causes) != 1 || st.Details.Causes[0].Type != "NamespaceTerminating" {
		t.Errorf("details %+v", st.Details)
	}
	h.refused(h.do("DELETE", "/api/v1/namespaces", ""), 405, metav1.StatusReasonMethodNotAllowed, "DELETE is not supported")
}

func TestBodies(t *testing.T) {
	h := start(t)
	yaml := "metadata:\n  name: why\nspec:\n  size: 3\n"
	contains(t, "YAML", h.want(h.do("POST", widgets, yaml, "Content-Type", "application/yaml"), 201).body, `"size":3`)
	contains(t, "no type", h.want(h.do("POST", widgets, widgetBody("n", 1)), 201).body, `"name":"n"`)
	h.refused(h.do("POST", widgets, "a: [", "Content-Type", "application/yaml"), 400, metav1.StatusReasonBadRequest, "YAML")
	h.refused(h.do("POST", widgets, "x", "Content-Type", "text/plain"), 415, metav1.StatusReasonUnsupportedMediaType, "application/json, application/yaml")
	h.refused(h.do("POST", widgets, "k8s\x00", "Content-Type", "application/vnd.kubernetes.protobuf"), 415, metav1.StatusReasonUnsupportedMediaType, "application/json")
	h.refused(h.do("POST", "/api/v1/namespaces", "k8s\x00\x0a\xff", "Content-Type", "application/vnd.kubernetes.protobuf"), 400, metav1.StatusReasonBadRequest, "protobuf")
	large := `{"metadata":{"name":"l"},"spec":{"size":1,"colour":"` + strings.Repeat("x", 4<<20) + `"}}`
	h.refused(h.post(widgets, large), 413, metav1.StatusReasonRequestEntityTooLarge, "the limit is 3145728 bytes")
	h.refused(h.merge(widgets+"/n", large), 413, metav1.StatusReasonRequestEntityTooLarge, "the limit is 3145728 bytes")
}

func TestWhoWroteIsKept(t *testing.T) {
	h := start(t)
	a := h.widget("a", 1)
	versions, err := h.store.History(t.Context(), a.Key())
	if err != nil || len(versions) != 1 || versions[0].By != "admin" {
		t.Errorf("history %+v, %v", versions, err)
	}
}
