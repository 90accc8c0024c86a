package server_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/server"
)

const (
	jsonPatch  = "application/json-patch+json"
	mergePatch = "application/merge-patch+json"
	strategic  = "application/strategic-merge-patch+json"
	applyPatch = "application/apply-patch+yaml"
)

func TestPatches(t *testing.T) {
	h := start(t)
	a := h.widget("a", 1)
	h.want(h.post("/api/v1/namespaces/default/configmaps", `{"metadata":{"name":"c","finalizers":["x/a"]},"data":{"a":"1"}}`), 201)
	const config = "/api/v1/namespaces/default/configmaps/c"
	for _, c := range []struct {
		name, path, media, body string
		code                    int
		part                    string // of the body or the message
	}{
		{"merge", widgets + "/a", mergePatch, `{"spec":{"colour":"blue"}}`, 200, `"colour":"blue"`},
		{"merge removes, and the default is back", widgets + "/a", mergePatch, `{"spec":{"colour":null}}`, 200, `"colour":"red"`},
		{"JSON", widgets + "/a", jsonPatch, `[{"op":"test","path":"/spec/size","value":1},{"op":"replace","path":"/spec/size","value":2}]`, 200, `"size":2`},
		{"JSON, label", widgets + "/a", jsonPatch, `[{"op":"add","path":"/metadata/labels","value":{"a/b":"c"}},{"op":"remove","path":"/metadata/labels/a~1b"}]`, 200, `"name":"a"`},
		{"a test that fails", widgets + "/a", jsonPatch, `[{"op":"test","path":"/spec/size","value":7}]`, 422, "is invalid: patch"},
		{"a path that is not there", widgets + "/a", jsonPatch, `[{"op":"remove","path":"/spec/nothing"}]`, 422, "is invalid: patch"},
		{"a test without a value, which the library panics of", widgets + "/a", jsonPatch, `[{"op":"test","path":""}]`, 400, "malformed"},
		{"malformed JSON patch", widgets + "/a", jsonPatch, `{"op":"remove"}`, 400, "read patch"},
		{"malformed merge patch", widgets + "/a", mergePatch, `{"spec":`, 400, "read patch"},
		{"merge patch that is no object", widgets + "/a", mergePatch, `null`, 400, "must be a JSON object"},
		{"result that is invalid", widgets + "/a", mergePatch, `{"spec":{"size":1000}}`, 422, "spec.size"},
		{"result that is no object", widgets + "/a", jsonPatch, `[{"op":"replace","path":"","value":[]}]`, 400, "not an object"},
		{"another name", widgets + "/a", mergePatch, `{"metadata":{"name":"b"}}`, 400, "does not match the name on the URL"},
		{"another uid", widgets + "/a", mergePatch, `{"metadata":{"uid":"b"}}`, 422, "metadata.uid: Invalid value: \"b\": field is immutable"},
		{"another namespace", widgets + "/a", mergePatch, `{"metadata":{"namespace":"b"}}`, 400, "does not match the namespace"},
		{"another kind", widgets + "/a", mergePatch, `{"kind":"Gadget"}`, 400, "does not match the expected kind"},
		{"old resourceVersion", widgets + "/a", mergePatch, `{"metadata":{"resourceVersion":"` + a.ResourceVersion + `"}}`, 409, "the object has been modified"},
		{"nothing there", widgets + "/b", mergePatch, `{}`, 404, `"b" not found`},
		{"strategic for ours", widgets + "/a", strategic, `{}`, 415, jsonPatch + ", " + mergePatch},
		{"no patch at all", widgets + "/a", "text/plain", `{}`, 415, jsonPatch + ", " + mergePatch + ", " + applyPatch},
		{"force", widgets + "/a?force=true", mergePatch, `{}`, 422, "force: Forbidden: may not be specified for non-apply patch"},
		{"no boolean", widgets + "/a?force=perhaps", mergePatch, `{}`, 400, "force"},
		{"strategic", config, strategic, `{"data":{"b":"2"},"metadata":{"finalizers":["x/b"]}}`, 200, `"finalizers":["x/b","x/a"]`},
		{"strategic directive", config, strategic, `{"data":{"$patch":"replace","z":"9"}}`, 200, `"data":{"z":"9"}`},
		{"malformed strategic", config, strategic, `{"data":{"$patch":"explode"}}`, 422, "apply patch"},
		{"JSON for core", config, jsonPatch, `[{"op":"add","path":"/data/k","value":"v"}]`, 200, `"k":"v"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := *h
			h.TB = t
			got := h.want(h.do("PATCH", c.path, c.body, "Content-Type", c.media), c.code)
			if c.code != 200 {
				contains(t, c.name, got.status(t).Message, c.part)
				return
			}
			contains(t, c.name, got.body, c.part)
		})
	}
}

func TestPatchesAreBounded(t *testing.T) {
	h := start(t)
	h.widget("a", 1)
	op := `{"op":"test","path":"/kind","value":"Widget"}`
	many := "[" + strings.Repeat(op+",", 10_000) + op + "]"
	h.refused(h.do("PATCH", widgets+"/a", many, "Content-Type", jsonPatch), 413, metav1.StatusReasonRequestEntityTooLarge, "10000")
	doubling := `[{"op":"add","path":"/spec/x","value":{"k":"` + strings.Repeat("x", 1000) + `"}}`
	for n := range 60 {
		doubling += fmt.Sprintf(`,{"op":"copy","from":"/spec","path":"/spec/x%d"}`, n)
	}
	h.refused(h.do("PATCH", widgets+"/a", doubling+"]", "Content-Type", jsonPatch), 422, metav1.StatusReasonInvalid, "copy")
}

func TestAPatchIsTriedAgainWhenSomeoneElseWasFaster(t *testing.T) {
	busy := &flakyStore{}
	h := start(t, func(c *server.Config) { busy.Store, c.Store = c.Store, busy })
	h.widget("a", 1)
	busy.conflicts.Store(4)
	h.want(h.merge(widgets+"/a", `{"spec":{"size":2}}`), 200)
	busy.conflicts.Store(5)
	h.refused(h.merge(widgets+"/a", `{"spec":{"size":3}}`), 409, metav1.StatusReasonConflict, "the object has been modified")
}

func TestAPatchThatChangesNothingTakesNoRevision(t *testing.T) {
	h := start(t)
	a := h.widget("a", 1)
	for _, got := range []*api.Object{
		h.want(h.merge(widgets+"/a", `{"spec":{"size":1}}`), 200).object(t),
		h.want(h.merge(widgets+"/a?fieldManager=other", `{"spec":{"size":1},"metadata":{"managedFields":null}}`), 200).object(t),
		h.want(h.get(widgets+"/a"), 200).object(t),
	} {
		if got.ResourceVersion != a.ResourceVersion || !reflect.DeepEqual(got.ManagedFields, a.ManagedFields) {
			t.Errorf("%s became %s, %v", a.ResourceVersion, got.ResourceVersion, got.ManagedFields)
		}
	}
}
