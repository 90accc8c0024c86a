package server_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func fleet(fields map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "test.powernode.io/v1", "kind": "Fleet", "metadata": map[string]any{"name": "a", "namespace": "default"}, "spec": fields,
	}}
}

func TestTypedClientsApply(t *testing.T) {
	h := start(t)
	c, err := kubernetes.NewForConfig(h.config())
	if err != nil {
		t.Fatal(err)
	}
	maps := c.CoreV1().ConfigMaps("default")
	want := applycore.ConfigMap("c", "default").WithLabels(map[string]string{"a": "b"}).WithData(map[string]string{"k": "v"})
	first, err := maps.Apply(t.Context(), want, metav1.ApplyOptions{FieldManager: "one"})
	if err != nil || first.Data["k"] != "v" {
		t.Fatalf("got %v, %v", first, err)
	}
	_, err = maps.Apply(t.Context(), applycore.ConfigMap("c", "default").WithData(map[string]string{"k": "w"}), metav1.ApplyOptions{FieldManager: "two"})
	if !apierrors.IsConflict(err) {
		t.Fatalf("got %v", err)
	}
	extracted, err := applycore.ExtractConfigMap(first, "one")
	if err != nil || extracted.Data["k"] != "v" || extracted.Labels["a"] != "b" {
		t.Fatalf("extracted %v, %v", extracted, err)
	}
	delete(extracted.Labels, "a")
	second, err := maps.Apply(t.Context(), extracted, metav1.ApplyOptions{FieldManager: "one"})
	if err != nil || second.Labels["a"] != "" || second.Data["k"] != "v" {
		t.Fatalf("got %v, %v", second, err)
	}
	secret, err := c.CoreV1().Secrets("default").Apply(t.Context(), applycore.Secret("s", "default").WithStringData(map[string]string{"a": "b"}), metav1.ApplyOptions{FieldManager: "one"})
	if err != nil || string(secret.Data["a"]) != "b" || secret.Type != corev1.SecretTypeOpaque {
		t.Fatalf("got %v", err)
	}
	ns, err := c.CoreV1().Namespaces().ApplyStatus(t.Context(), applycore.Namespace("default").WithStatus(applycore.NamespaceStatus().WithConditions(
		applycore.NamespaceCondition().WithType("Full").WithStatus(corev1.ConditionTrue))), metav1.ApplyOptions{FieldManager: "one"})
	if err != nil || len(ns.Status.Conditions) != 1 || ns.Status.Phase != corev1.NamespaceActive {
		t.Fatalf("got %v, %v", ns, err)
	}
}

func TestDynamicAndControllerClientsApply(t *testing.T) {
	h := start(t, withFleets(t))
	d, err := dynamic.NewForConfig(h.config())
	if err != nil {
		t.Fatal(err)
	}
	kind := d.Resource(schema.GroupVersionResource{Group: "test.powernode.io", Version: "v1", Resource: "fleets"}).Namespace("default")
	got, err := kind.Apply(t.Context(), "a", fleet(map[string]any{"ships": int64(2), "ports": []any{map[string]any{"number": int64(1)}}}), metav1.ApplyOptions{FieldManager: "dynamic"})
	if err != nil || got.GetGeneration() != 1 {
		t.Fatalf("got %v, %v", got, err)
	}
	c, err := client.New(h.config(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	obj := fleet(map[string]any{"ports": []any{map[string]any{"number": int64(2)}}})
	//lint:ignore SA1019 the older form is in wide use
	if err := c.Patch(t.Context(), obj, client.Apply, client.FieldOwner("controller")); err != nil {
		t.Fatal(err)
	}
	if ports, _, _ := unstructured.NestedSlice(obj.Object, "spec", "ports"); len(ports) != 2 || obj.GetGeneration() != 2 {
		t.Fatalf("got %v", obj)
	}
	conflicting := fleet(map[string]any{"ships": int64(3)})
	//lint:ignore SA1019 as above
	if err := c.Patch(t.Context(), conflicting, client.Apply, client.FieldOwner("controller")); !apierrors.IsConflict(err) {
		t.Fatalf("got %v", err)
	}
	if err := c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(fleet(map[string]any{"ships": int64(3)})), client.FieldOwner("controller"), client.ForceOwnership); err != nil {
		t.Fatal(err)
	}
	status := fleet(nil)
	delete(status.Object, "spec")
	status.Object["status"] = map[string]any{"ships": int64(3)}
	//lint:ignore SA1019 as above
	if err := c.Status().Patch(t.Context(), status, client.Apply, client.FieldOwner("controller")); err != nil {
		t.Fatal(err)
	}
	live := h.get(fleets + "/a").object(t)
	ownedBy(t, live, map[string]string{
		"dynamic Apply":           `{"f:spec":{"f:ports":{"k:{\"number\":1,\"protocol\":\"TCP\"}":{".":{},"f:number":{}}}}}`,
		"controller Apply":        `{"f:spec":{"f:ships":{}}}`,
		"controller Apply status": `{"f:status":{"f:ships":{}}}`,
	})
	if string(live.Spec) != `{"ports":[{"number":1,"protocol":"TCP"}],"ships":3}` || string(live.Status) != `{"ships":3}` {
		t.Errorf("got %s %s", live.Spec, live.Status)
	}
}

// Each form of a field merges in its own way.
func TestApplyMergesListsAndMaps(t *testing.T) {
	h := start(t, withFleets(t))
	apply := func(manager, spec, more string) answer {
		return h.do("PATCH", fleets+"/a?fieldManager="+manager+more, fleetBody("a", spec), "Content-Type", applyPatch)
	}
	h.want(apply("one", `{"flags":["a","b"],"ports":[{"number":1,"name":"x"}],"route":["n"],"home":{"harbour":"h"},"size":3,"extra":{"deep":{"x":1}},"template":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"}}}`, ""), 201)
	h.want(apply("two", `{"flags":["b","c"],"ports":[{"number":1,"protocol":"UDP"},{"number":2}],"extra":{"deep":{"y":2}}}`, ""), 200)
	contains(t, "both", string(h.get(fleets+"/a").object(t).Spec), `"flags":["a","b","c"]`, `"extra":{"deep":{"x":1,"y":2}}`,
		`"ports":[{"name":"x","number":1,"protocol":"TCP"},{"number":1,"protocol":"UDP"},{"number":2,"protocol":"TCP"}]`)
	st := h.refused(apply("two", `{"route":["m"],"home":{"berth":1}}`, ""), 409, metav1.StatusReasonConflict, `conflicts with "one"`)
	if len(st.Details.Causes) != 2 {
		t.Errorf("causes %v", st.Details.Causes)
	}
	contains(t, "without what two gave up, but what both want", string(h.want(apply("two", `{"flags":["b"]}`, ""), 200).object(t).Spec),
		`"flags":["a","b"]`, `"ports":[{"name":"x","number":1,"protocol":"TCP"}]`, `"extra":{"deep":{"x":1}}`)
	h.refused(apply("two", `{"ports":[{"number":1},{"number":1}]}`, ""), 422, metav1.StatusReasonInvalid, "spec.ports[1]: Duplicate value")
}
