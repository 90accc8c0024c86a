package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
)

const widgetHead = `"apiVersion":"test.powernode.io/v1","kind":"Widget"`

// apply applies a document to a Widget as a manager; more goes to the query.
func (h *harness) apply(manager, name, fields, more string) answer {
	h.Helper()
	return h.do("PATCH", widgets+"/"+name+"?fieldManager="+manager+more, fmt.Sprintf(`{%s,"metadata":{"name":%q},%s}`, widgetHead, name, fields), "Content-Type", applyPatch)
}

// owners are the managers with operation and subresource, each with its fields.
func owners(obj *api.Object) map[string]string {
	all := map[string]string{}
	for _, e := range obj.ManagedFields {
		all[strings.TrimSuffix(fmt.Sprintf("%s %s %s", e.Manager, e.Operation, e.Subresource), " ")] = e.FieldsV1.GetRawString()
	}
	return all
}

// ownedBy checks who has which fields, and that nobody else has any.
func ownedBy(t *testing.T, obj *api.Object, want map[string]string) {
	t.Helper()
	got := owners(obj)
	for who, fields := range want {
		if got[who] != fields {
			t.Errorf("%s has %s, want %s", who, got[who], fields)
		}
	}
	if len(got) != len(want) {
		t.Errorf("owners are %v", got)
	}
}

func TestApplyCreatesAndChanges(t *testing.T) {
	h := start(t)
	a := h.want(h.apply("me", "a", `"spec":{"size":1}`, ""), 201).object(t)
	ownedBy(t, a, map[string]string{"me Apply": `{"f:spec":{"f:size":{}}}`})
	contains(t, "default", string(a.Spec), `"colour":"red"`)
	b := h.want(h.apply("me", "a", `"spec":{"size":2},"status":{"phase":"Fake"}`, ""), 200).object(t)
	if b.Generation != 2 || len(b.Status) > 0 || b.UID != a.UID {
		t.Errorf("got %+v %s", b.ObjectMeta, b.Status)
	}
	ownedBy(t, b, map[string]string{"me Apply": `{"f:spec":{"f:size":{}}}`})
	dry := h.want(h.apply("me", "new", `"spec":{"size":2}`, "&dryRun=All"), 201).object(t)
	if dry.UID == "" || dry.Generation != 1 {
		t.Errorf("dry run made %+v", dry.ObjectMeta)
	}
	h.want(h.get(widgets+"/new"), 404)
	if r := h.want(h.apply("me", "a", `"spec":{"size":3}`, "&dryRun=All"), 200).object(t); r.Generation != 3 || r.ResourceVersion != b.ResourceVersion {
		t.Errorf("dry run made %+v", r.ObjectMeta)
	}
}

func TestApplyGivesUpWhatItNoLongerWants(t *testing.T) {
	h := start(t)
	h.want(h.apply("me", "a", `"spec":{"size":1,"colour":"blue","parts":[{"name":"p"}]}`, ""), 201)
	h.want(h.apply("you", "a", `"spec":{"colour":"blue"}`, ""), 200)
	got := h.want(h.apply("me", "a", `"spec":{"size":1}`, ""), 200).object(t)
	contains(t, "what another still wants", string(got.Spec), `"colour":"blue"`)
	if strings.Contains(string(got.Spec), "parts") {
		t.Errorf("kept what nobody wants: %s", got.Spec)
	}
	got = h.want(h.do("PATCH", widgets+"/a?fieldManager=you", `{`+widgetHead+`}`, "Content-Type", applyPatch), 200).object(t)
	contains(t, "the default is back", string(got.Spec), `"colour":"red"`)
	ownedBy(t, got, map[string]string{"me Apply": `{"f:spec":{"f:size":{}}}`})
}

func TestApplyConflicts(t *testing.T) {
	h := start(t)
	h.want(h.do("POST", widgets+"?fieldManager=kubectl-create", widgetBody("a", 1), "Content-Type", "application/json"), 201)
	st := h.refused(h.apply("me", "a", `"spec":{"size":2,"colour":"blue"}`, ""), 409, metav1.StatusReasonConflict,
		"Apply failed with 2 conflicts: conflicts with \"kubectl-create\" using test.powernode.io/v1:\n- .spec.colour\n- .spec.size")
	if len(st.Details.Causes) != 2 || st.Details.Causes[0].Type != metav1.CauseTypeFieldManagerConflict || st.Details.Causes[0].Field != ".spec.colour" ||
		!strings.HasPrefix(st.Details.Causes[0].Message, `conflict with "kubectl-create"`) {
		t.Errorf("causes %v", st.Details.Causes)
	}
	same := h.want(h.apply("me", "a", `"spec":{"size":1}`, ""), 200).object(t) // shared, as they agree
	ownedBy(t, same, map[string]string{"kubectl-create Update": `{"f:spec":{".":{},"f:colour":{},"f:size":{}}}`, "me Apply": `{"f:spec":{"f:size":{}}}`})
	forced := h.want(h.apply("me", "a", `"spec":{"size":2}`, "&force=true"), 200).object(t)
	ownedBy(t, forced, map[string]string{"kubectl-create Update": `{"f:spec":{".":{},"f:colour":{}}}`, "me Apply": `{"f:spec":{"f:size":{}}}`})
}

func TestApplyRefuses(t *testing.T) {
	h := start(t)
	a := h.widget("a", 1)
	h.widget("a2", 1)
	head := `{` + widgetHead + `,"metadata":{"name":"a"`
	for _, c := range []struct {
		name, query, body string
		code              int
		reason            metav1.StatusReason
		message           string
	}{
		{"no manager", "", head + `}}`, 422, metav1.StatusReasonInvalid, "fieldManager: Required value: is required for apply patch"},
		{"a long manager", "?fieldManager=" + strings.Repeat("x", 129), head + `}}`, 422, metav1.StatusReasonInvalid, "fieldManager"},
		{"an account", "?fieldManager=me", head + `,"managedFields":[{"manager":"me"}]}}`, 400, metav1.StatusReasonBadRequest, "metadata.managedFields must be nil"},
		{"an old version", "?fieldManager=me", head + `,"resourceVersion":"1"}}`, 409, metav1.StatusReasonConflict, "the object has been modified"},
		{"no kind", "?fieldManager=me", `{"metadata":{"name":"a"}}`, 400, metav1.StatusReasonBadRequest, "must say its apiVersion (test.powernode.io/v1) and kind (Widget)"},
		{"another kind", "?fieldManager=me", `{"apiVersion":"test.powernode.io/v1","kind":"Gadget"}`, 400, metav1.StatusReasonBadRequest, "does not match the expected kind"},
		{"another name", "?fieldManager=me", `{` + widgetHead + `,"metadata":{"name":"b"}}`, 400, metav1.StatusReasonBadRequest, "does not match the name on the URL"},
		{"another uid", "?fieldManager=me", head + `,"uid":"x"}}`, 422, metav1.StatusReasonInvalid, "metadata.uid"},
		{"a wrong type", "?fieldManager=me", head + `},"spec":{"size":"big"}}`, 422, metav1.StatusReasonInvalid, "spec.size: Invalid value"},
		{"a wrong type of a list", "?fieldManager=me", head + `},"spec":{"parts":{"a":1}}}`, 422, metav1.StatusReasonInvalid, "spec.parts: Invalid value"},
		{"an invalid value", "?fieldManager=me&force=true", head + `},"spec":{"size":1000}}`, 422, metav1.StatusReasonInvalid, "spec.size"},
		{"a field twice", "?fieldManager=me&fieldValidation=Strict", head + `},"spec":{"size":1,"size":1}}`, 400, metav1.StatusReasonBadRequest, `duplicate field "spec.size"`},
		{"an unknown field", "?fieldManager=me&fieldValidation=Strict", head + `},"spec":{"bogus":1}}`, 400, metav1.StatusReasonBadRequest, `unknown field "spec.bogus"`},
		{"a field twice in YAML", "?fieldManager=me&fieldValidation=Strict", "apiVersion: test.powernode.io/v1\nkind: Widget\nspec: {size: 1}\nspec: {size: 1}\n", 400, metav1.StatusReasonBadRequest, `"spec" already set`},
		{"no YAML", "?fieldManager=me", "a: b: c", 400, metav1.StatusReasonBadRequest, "read YAML body"},
		{"no object", "?fieldManager=me", "[]", 400, metav1.StatusReasonBadRequest, "not an object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := *h
			h.TB = t
			h.refused(h.do("PATCH", widgets+"/a"+c.query, c.body, "Content-Type", applyPatch), c.code, c.reason, c.message)
		})
	}
	h.refused(h.do("PATCH", widgets+"/new?fieldManager=me", `{`+widgetHead+`,"metadata":{"name":"new","uid":"x"},"spec":{"size":1}}`, "Content-Type", applyPatch), 409, metav1.StatusReasonConflict, "uid mismatch")
	h.refused(h.do("PATCH", widgets+"/new?fieldManager=me", `{`+widgetHead+`,"spec":{"size":1}}`, "Content-Type", applyPatch), 400, metav1.StatusReasonBadRequest, "does not match the name on the URL")
	h.refused(h.do("PATCH", widgets+"/new/status?fieldManager=me", `{`+widgetHead+`,"metadata":{"name":"new"},"status":{}}`, "Content-Type", applyPatch), 404, metav1.StatusReasonNotFound, "not found")
	if got := h.get(widgets + "/a").object(t); got.ResourceVersion != a.ResourceVersion {
		t.Errorf("something was stored: %+v", got)
	}
}

func TestApplyWarnsOfUnknownFields(t *testing.T) {
	h := start(t)
	got := h.want(h.apply("me", "a", `"spec":{"size":1,"bogus":1}`, ""), 201)
	if w := got.header.Values("Warning"); len(w) != 1 || !strings.Contains(w[0], `unknown field \"spec.bogus\"`) {
		t.Errorf("warnings %q", w)
	}
	ownedBy(t, got.object(t), map[string]string{"me Apply": `{"f:spec":{"f:size":{}}}`})
}

func TestEveryWriteIsAccountedFor(t *testing.T) {
	h := start(t)
	h.want(h.do("POST", widgets, widgetBody("a", 1), "Content-Type", "application/json", "User-Agent", "tool/1.2 (linux)"), 201)
	h.want(h.merge(widgets+"/a?fieldManager=merge", `{"spec":{"parts":[{"name":"p"}]}}`), 200)
	h.want(h.do("PATCH", widgets+"/a?fieldManager=json", `[{"op":"add","path":"/metadata/labels","value":{"a":"b"}}]`, "Content-Type", jsonPatch), 200)
	h.want(h.merge(widgets+"/a/status?fieldManager=controller", `{"status":{"phase":"Up"},"spec":{"size":9},"metadata":{"labels":{"x":"y"},"managedFields":[{}]}}`), 200)
	live := h.get(widgets + "/a").object(t)
	h.want(h.put(widgets+"/a?fieldManager=put", fmt.Sprintf(`{"metadata":{"name":"a","resourceVersion":%q,"labels":{"a":"b"}},"spec":{"size":2,"parts":[{"name":"p"}]}}`, live.ResourceVersion)), 200)
	live = h.get(widgets + "/a").object(t)
	if string(live.Status) != `{"phase":"Up"}` || len(live.Labels) != 1 {
		t.Errorf("got %s %v", live.Status, live.Labels)
	}
	ownedBy(t, live, map[string]string{
		"tool Update":              `{"f:spec":{".":{},"f:colour":{}}}`,
		"merge Update":             `{"f:spec":{"f:parts":{}}}`,
		"json Update":              `{"f:metadata":{"f:labels":{".":{},"f:a":{}}}}`,
		"controller Update status": `{"f:status":{".":{},"f:phase":{}}}`,
		"put Update":               `{"f:spec":{"f:size":{}}}`,
	})
	h.want(h.merge(widgets+"/a", `{"metadata":{"managedFields":[{}]}}`), 200)
	if live = h.get(widgets + "/a").object(t); live.ManagedFields != nil {
		t.Errorf("not cleared: %v", owners(live))
	}
}

func TestApplyToStatus(t *testing.T) {
	h := start(t)
	h.widget("a", 1)
	status := func(manager, phase string, more string) answer {
		return h.do("PATCH", widgets+"/a/status?fieldManager="+manager+more,
			fmt.Sprintf(`{%s,"metadata":{"name":"a","labels":{"x":"y"}},"spec":{"size":7},"status":{"phase":%q,"conditions":[{"type":%q,"status":"True"}]}}`, widgetHead, phase, manager), "Content-Type", applyPatch)
	}
	got := h.want(status("one", "Up", ""), 200).object(t)
	if string(got.Spec) != `{"colour":"red","size":1}` || got.Labels != nil || got.Generation != 1 {
		t.Errorf("got %s %v", got.Spec, got.Labels)
	}
	if e := owners(got)["one Apply status"]; e != `{"f:status":{"f:conditions":{"k:{\"type\":\"one\"}":{".":{},"f:status":{},"f:type":{}}},"f:phase":{}}}` {
		t.Errorf("owns %s", e)
	}
	h.refused(status("two", "Down", ""), 409, metav1.StatusReasonConflict, `conflict with "one" with subresource "status": .status.phase`)
	got = h.want(status("two", "Down", "&force=true"), 200).object(t)
	contains(t, "items of both", string(got.Status), `"type":"one"`, `"type":"two"`, `"phase":"Down"`)
}

// Only what differs is a change: the account keeps its times, the store its revision.
func TestWritesOfNoConsequenceKeepTheAccount(t *testing.T) {
	h := start(t)
	h.want(h.apply("me", "a", `"spec":{"size":1}`, ""), 201)
	h.want(h.merge(widgets+"/a/status", `{"status":{"phase":"Up"}}`), 200)
	aged := h.get(widgets + "/a").object(t).Clone()
	for i := range aged.ManagedFields {
		aged.ManagedFields[i].Time = &metav1.Time{Time: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}
	}
	aged, err := h.store.Update(t.Context(), aged)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]answer{
		"apply":                               h.apply("me", "a", `"spec":{"size":1}`, ""),
		"apply with a status, which is reset": h.apply("me", "a", `"spec":{"size":1},"status":{"phase":"Fake"}`, ""),
		"put":                                 h.put(widgets+"/a", `{"metadata":{"name":"a","resourceVersion":"`+aged.ResourceVersion+`"},"spec":{"size":1}}`),
		"merge":                               h.merge(widgets+"/a?fieldManager=other", `{"spec":{"size":1}}`),
		"merge status":                        h.merge(widgets+"/a/status?fieldManager=other", `{"status":{"phase":"Up"}}`),
		"JSON":                                h.do("PATCH", widgets+"/a", `[{"op":"replace","path":"/spec/size","value":1}]`, "Content-Type", jsonPatch),
	} {
		obj := h.want(got, 200).object(t)
		if obj.ResourceVersion != aged.ResourceVersion || obj.ManagedFields[0].Time.Year() != 2020 || obj.ManagedFields[1].Time.Year() != 2020 {
			t.Errorf("%s: revision %s became %s, %v", name, aged.ResourceVersion, obj.ResourceVersion, obj.ManagedFields)
		}
	}
	if r, err := h.store.Revision(t.Context()); err != nil || r.String() != aged.ResourceVersion {
		t.Errorf("the store is at %d, not %s: %v", r, aged.ResourceVersion, err)
	}
}

func TestAnAccountThatCannotBeReadDoesNotBlockWrites(t *testing.T) {
	h := start(t)
	h.widget("a", 1)
	spoil := func() {
		bad := h.get(widgets + "/a").object(t).Clone()
		bad.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "x", Operation: "Guess", FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"what":1}`)}}
		if _, err := h.store.Update(t.Context(), bad); err != nil {
			t.Fatal(err)
		}
	}
	spoil()
	h.want(h.merge(widgets+"/a", `{"spec":{"size":2}}`), 200)
	spoil()
	got := h.want(h.apply("me", "a", `"spec":{"size":2}`, ""), 200).object(t)
	ownedBy(t, got, map[string]string{"before-first-apply Update": `{"f:spec":{".":{},"f:colour":{},"f:size":{}}}`, "me Apply": `{"f:spec":{"f:size":{}}}`})
}

// The lists of core kinds merge as their schemas say.
func TestApplyOfCoreKinds(t *testing.T) {
	h := start(t)
	apply := func(manager, path, body string) *api.Object {
		t.Helper()
		a := h.do("PATCH", path+"?fieldManager="+manager, body, "Content-Type", applyPatch)
		if a.code != 200 && a.code != 201 {
			t.Fatalf("got %s", a)
		}
		return a.object(t)
	}
	const secret = "/api/v1/namespaces/default/secrets/s"
	apply("one", secret, `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","finalizers":["x/one"]},"stringData":{"a":"1"}}`)
	got := apply("two", secret, `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","finalizers":["x/two"]},"data":{"b":"Mg=="}}`)
	if string(got.Rest["data"]) != `{"a":"MQ==","b":"Mg=="}` || len(got.Finalizers) != 2 {
		t.Errorf("got %s %v", got.Rest["data"], got.Finalizers)
	}
	ownedBy(t, got, map[string]string{
		"one Apply": `{"f:data":{"f:a":{}},"f:metadata":{"f:finalizers":{"v:\"x/one\"":{}}}}`,
		"two Apply": `{"f:data":{"f:b":{}},"f:metadata":{"f:finalizers":{"v:\"x/two\"":{}}}}`,
	})
	got = apply("one", secret, `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","finalizers":["x/one"]}}`)
	if string(got.Rest["data"]) != `{"b":"Mg=="}` {
		t.Errorf("kept what nobody wants: %s", got.Rest["data"])
	}
}
