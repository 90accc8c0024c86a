package server_test

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"

	"github.com/powernode/powernode/api/server"
)

const fleets = "/apis/test.powernode.io/v1/namespaces/default/fleets"

// withFleets adds the kind Fleet to the server.
func withFleets(t testing.TB) func(*server.Config) {
	return withKind(t, "testdata/fleets.yaml")
}

func fleetBody(name, spec string) string {
	return fmt.Sprintf(`{"apiVersion":"test.powernode.io/v1","kind":"Fleet","metadata":{"name":%q},"spec":%s}`, name, spec)
}

func TestScale(t *testing.T) {
	h := start(t, withFleets(t))
	a := h.want(h.do("POST", fleets+"?fieldManager=owner", fleetBody("a", `{"ships":3,"flags":["x"]}`), "Content-Type", "application/json"), 201).object(t)
	h.want(h.merge(fleets+"/a/status?fieldManager=controller", `{"status":{"ships":2,"selector":"a=b"}}`), 200)
	got := h.want(h.get(fleets+"/a/scale"), 200)
	contains(t, "scale", got.body, `"kind":"Scale"`, `"apiVersion":"autoscaling/v1"`, `"spec":{"replicas":3}`, `"status":{"replicas":2,"selector":"a=b"}`, `"uid":"`+string(a.UID)+`"`)
	contains(t, "merge", h.want(h.merge(fleets+"/a/scale?fieldManager=kubectl", `{"spec":{"replicas":5},"status":{"replicas":9}}`), 200).body, `"spec":{"replicas":5}`, `"replicas":2`)
	live := h.get(fleets + "/a").object(t)
	if string(live.Spec) != `{"flags":["x"],"ships":5}` || live.Generation != 2 {
		t.Errorf("got %s %d", live.Spec, live.Generation)
	}
	ownedBy(t, live, map[string]string{
		"owner Update":             `{"f:spec":{".":{},"f:flags":{".":{},"v:\"x\"":{}}}}`,
		"controller Update status": `{"f:status":{".":{},"f:selector":{},"f:ships":{}}}`,
		"kubectl Update scale":     `{"f:spec":{"f:ships":{}}}`,
	})
	for _, e := range live.ManagedFields {
		if e.Time == nil || e.APIVersion != "test.powernode.io/v1" {
			t.Errorf("entry %+v", e)
		}
	}
	again := h.want(h.merge(fleets+"/a/scale?fieldManager=kubectl", `{"spec":{"replicas":5}}`), 200).object(t)
	if again.ResourceVersion != live.ResourceVersion {
		t.Errorf("a write of no consequence took a revision: %s, %s", live.ResourceVersion, again.ResourceVersion)
	}
	contains(t, "JSON patch", h.want(h.do("PATCH", fleets+"/a/scale", `[{"op":"replace","path":"/spec/replicas","value":6}]`, "Content-Type", jsonPatch), 200).body, `"spec":{"replicas":6}`)
	contains(t, "put", h.want(h.put(fleets+"/a/scale", `{"metadata":{"name":"a"},"spec":{"replicas":7}}`), 200).body, `"spec":{"replicas":7}`)
	contains(t, "dry run", h.want(h.put(fleets+"/a/scale?dryRun=All", `{"metadata":{"name":"a"},"spec":{"replicas":8}}`), 200).body, `"spec":{"replicas":8}`)
	contains(t, "stored", h.get(fleets+"/a/scale").body, `"spec":{"replicas":7}`)
}

func TestScaleTakesProtobuf(t *testing.T) {
	h := start(t, withFleets(t))
	h.want(h.post(fleets, fleetBody("a", `{"ships":3}`)), 201)
	scheme := runtime.NewScheme()
	if err := autoscalingv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	body, err := runtime.Encode(protobuf.NewSerializer(scheme, scheme), &autoscalingv1.Scale{
		TypeMeta: metav1.TypeMeta{APIVersion: "autoscaling/v1", Kind: "Scale"}, ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: autoscalingv1.ScaleSpec{Replicas: 4}})
	if err != nil {
		t.Fatal(err)
	}
	contains(t, "put", h.want(h.do("PUT", fleets+"/a/scale", string(body), "Content-Type", "application/vnd.kubernetes.protobuf"), 200).body, `"spec":{"replicas":4}`)
}

func TestScaleByApply(t *testing.T) {
	h := start(t, withFleets(t))
	h.want(h.do("POST", fleets+"?fieldManager=owner", fleetBody("a", `{"ships":3}`), "Content-Type", "application/json"), 201)
	const body = `{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"a"},"spec":{"replicas":%d}}`
	scale := func(n int, more string) answer {
		return h.do("PATCH", fleets+"/a/scale?fieldManager=hpa"+more, fmt.Sprintf(body, n), "Content-Type", applyPatch)
	}
	h.refused(scale(4, ""), 409, metav1.StatusReasonConflict, `conflict with "owner"`)
	h.want(scale(4, "&force=true"), 200)
	live := h.get(fleets + "/a").object(t)
	ownedBy(t, live, map[string]string{"owner Update": `{"f:spec":{}}`, "hpa Apply scale": `{"f:spec":{"f:ships":{}}}`})
	st := h.refused(h.do("PATCH", fleets+"/a?fieldManager=me", fleetBody("a", `{"ships":9}`), "Content-Type", applyPatch), 409, metav1.StatusReasonConflict, "")
	contains(t, "cause", st.Details.Causes[0].Message, `conflict with "hpa" with subresource "scale"`)
}

func TestScaleRefuses(t *testing.T) {
	h := start(t, withFleets(t))
	a := h.want(h.post(fleets, fleetBody("a", `{"ships":3}`)), 201).object(t)
	h.want(h.post(fleets, fleetBody("unset", `{}`)), 201)
	h.widget("w", 1)
	const merge, put = "PATCH", "PUT"
	for _, c := range []struct {
		name, method, path, body string
		code                     int
		reason                   metav1.StatusReason
		message                  string
	}{
		{"no such object", merge, fleets + "/b/scale", `{}`, 404, metav1.StatusReasonNotFound, "not found"},
		{"a kind without", merge, widgets + "/w/scale", `{}`, 404, metav1.StatusReasonNotFound, ""},
		{"a negative count", merge, fleets + "/a/scale", `{"spec":{"replicas":-1}}`, 422, metav1.StatusReasonInvalid, `Scale.autoscaling "a" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0`},
		{"too many for the kind", merge, fleets + "/a/scale", `{"spec":{"replicas":2000}}`, 422, metav1.StatusReasonInvalid, "spec.ships"},
		{"an old version", merge, fleets + "/a/scale", `{"metadata":{"resourceVersion":"1"},"spec":{"replicas":2}}`, 409, metav1.StatusReasonConflict, "the object has been modified"},
		{"another uid", put, fleets + "/a/scale", `{"metadata":{"name":"a","uid":"x"},"spec":{"replicas":2}}`, 409, metav1.StatusReasonConflict, "UID in precondition: x"},
		{"another name", put, fleets + "/a/scale", `{"metadata":{"name":"b"},"spec":{"replicas":2}}`, 400, metav1.StatusReasonBadRequest, "does not match the name on the URL"},
		{"another namespace", put, fleets + "/a/scale", `{"metadata":{"name":"a","namespace":"x"},"spec":{"replicas":2}}`, 400, metav1.StatusReasonBadRequest, "does not match the namespace"},
		{"another kind", put, fleets + "/a/scale", fleetBody("a", `{"ships":3}`), 400, metav1.StatusReasonBadRequest, "not Scale of autoscaling/v1"},
		{"a word", merge, fleets + "/a/scale", `{"spec":{"replicas":"many"}}`, 400, metav1.StatusReasonBadRequest, "read Scale"},
		{"an unknown field", merge, fleets + "/a/scale?fieldValidation=Strict", `{"spec":{"replica":1}}`, 400, metav1.StatusReasonBadRequest, `unknown field "spec.replica"`},
		{"a delete", "DELETE", fleets + "/a/scale", ``, 405, metav1.StatusReasonMethodNotAllowed, ""},
		{"of what does not say how many", "GET", fleets + "/unset/scale", ``, 500, metav1.StatusReasonInternalError, `the spec replicas field ".spec.ships" does not exist`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := *h
			h.TB = t
			media := map[string]string{merge: mergePatch, put: "application/json"}[c.method]
			h.refused(h.do(c.method, c.path, c.body, "Content-Type", media), c.code, c.reason, c.message)
		})
	}
	h.refused(h.do("PATCH", fleets+"/a/scale", `{}`, "Content-Type", strategic), 415, metav1.StatusReasonUnsupportedMediaType, applyPatch)
	if got := h.get(fleets + "/a").object(t); got.ResourceVersion != a.ResourceVersion {
		t.Errorf("something was stored: %s", got.Spec)
	}
	h.want(h.merge(fleets+"/unset/scale", `{"spec":{"replicas":2}}`), 200) // but it can be set
	contains(t, "set", h.get(fleets+"/unset/scale").body, `"replicas":2`)
}

// Discovery tells kubectl scale where the Scale is and what form it has.
func TestScaleIsDiscovered(t *testing.T) {
	h := start(t, withFleets(t))
	contains(t, "resources", h.get("/apis/test.powernode.io/v1").body, `"name":"fleets/scale"`, `"group":"autoscaling"`, `"kind":"Scale"`)
}
