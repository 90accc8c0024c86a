package server_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/server"
)

func TestDelete(t *testing.T) {
	h := start(t)
	a := h.widget("a", 1)
	for _, c := range []struct {
		body    string
		code    int
		message string
	}{
		{`{"preconditions":{"uid":"other"}}`, 409, "Operation cannot be fulfilled"},
		{`{"preconditions":{"resourceVersion":"1"}}`, 409, "Operation cannot be fulfilled"},
		{`{"propagationPolicy":"Sideways"}`, 422, "propagationPolicy: Unsupported value"},
		{`{"dryRun":["Some"]}`, 422, "dryRun: Unsupported value"},
		{`{"dryRun":`, 400, "DeleteOptions"},
		{"k8s\x00\x01", 400, "DeleteOptions"},
	} {
		got := h.want(h.do("DELETE", widgets+"/a", c.body, "Content-Type", "application/json"), c.code)
		contains(t, c.body, got.status(t).Message, c.message)
	}
	h.refused(h.do("DELETE", widgets+"/a?gracePeriodSeconds=x", ""), 400, metav1.StatusReasonBadRequest, "gracePeriodSeconds")
	h.refused(h.do("DELETE", widgets+"/a", "x", "Content-Type", "text/plain"), 415, metav1.StatusReasonUnsupportedMediaType, "application/json")
	got := h.want(h.do("DELETE", widgets+"/a", `{"preconditions":{"uid":"`+string(a.UID)+`"},"propagationPolicy":"Background"}`, "Content-Type", "application/json"), 200).json(t)
	details := got["details"].(map[string]any)
	if got["status"] != "Success" || details["name"] != "a" || details["kind"] != "widgets" || details["group"] != "test.powernode.io" || details["uid"] != string(a.UID) {
		t.Errorf("got %v", got)
	}
	h.refused(h.do("DELETE", widgets+"/a", ""), 404, metav1.StatusReasonNotFound, `widgets.test.powernode.io "a" not found`)
}

func TestDeleteWaitsForFinalizers(t *testing.T) {
	h := start(t)
	h.widget("a", 1)
	h.want(h.merge(widgets+"/a", `{"metadata":{"finalizers":["x/y"]}}`), 200)
	marked := h.want(h.do("DELETE", widgets+"/a?propagationPolicy=Background", ""), 200).object(t)
	if marked.DeletionTimestamp == nil || marked.Generation != 2 || len(marked.Finalizers) != 1 {
		t.Errorf("marked: %+v", marked)
	}
	again := h.want(h.do("DELETE", widgets+"/a", ""), 200).object(t)
	if again.ResourceVersion != marked.ResourceVersion {
		t.Error("marking twice took a revision")
	}
	h.refused(h.merge(widgets+"/a", `{"metadata":{"finalizers":["x/y","x/z"]}}`), 422, metav1.StatusReasonInvalid, "metadata.finalizers")
	h.want(h.merge(widgets+"/a", `{"metadata":{"finalizers":[]}}`), 200)
	h.want(h.get(widgets+"/a"), 404)
}

func TestDeleteCollection(t *testing.T) {
	h := start(t)
	for _, name := range []string{"a", "b", "c"} {
		h.widget(name, 1)
	}
	h.want(h.merge(widgets+"/b", `{"metadata":{"labels":{"keep":"yes"}}}`), 200)
	list := h.want(h.do("DELETE", widgets+"?labelSelector=!keep", ""), 200)
	contains(t, "deleted", list.body, `"kind":"WidgetList"`, `"name":"a"`, `"name":"c"`)
	if items := h.get(widgets).json(t)["items"].([]any); len(items) != 1 {
		t.Errorf("left: %v", items)
	}
}

// A typed client sends its options as protobuf.
func TestDeleteOptionsAsProtobuf(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	codec := protobuf.NewSerializer(scheme, scheme)
	options := &metav1.DeleteOptions{DryRun: []string{"All"}}
	options.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("DeleteOptions"))
	body, err := runtime.Encode(codec, options)
	if err != nil {
		t.Fatal(err)
	}
	h := start(t)
	h.widget("a", 1)
	h.want(h.do("DELETE", widgets+"/a", string(body), "Content-Type", "application/vnd.kubernetes.protobuf"), 200)
	h.want(h.get(widgets+"/a"), 200)
}

func TestWhatMayNotBeDeletedStays(t *testing.T) {
	h := start(t, func(c *server.Config) {
		c.MayDelete = func(key api.Key) error {
			if key.Name == "pillar" {
				return fmt.Errorf("%w: the roof rests on it", api.ErrForbidden)
			}
			return nil
		}
	})
	h.widget("pillar", 1)
	for _, path := range []string{widgets + "/pillar", widgets + "/pillar?dryRun=All", widgets} {
		h.refused(h.do("DELETE", path, ""), 403, metav1.StatusReasonForbidden, `widgets.test.powernode.io "pillar" is forbidden: the roof rests on it`)
	}
	if obj := h.want(h.get(widgets+"/pillar"), 200).object(t); obj.DeletionTimestamp != nil {
		t.Error("it is marked")
	}
	h.widget("curtain", 1)
	h.want(h.do("DELETE", widgets+"/curtain", ""), 200)
}
