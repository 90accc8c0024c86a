package server_test

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

func (h *harness) clients() *kubernetes.Clientset {
	h.Helper()
	c, err := kubernetes.NewForConfig(h.config())
	if err != nil {
		h.Fatal(err)
	}
	return c
}

func TestFinalizersOfANamespace(t *testing.T) {
	h := start(t)
	ctx, namespaces := context.Background(), h.clients().CoreV1().Namespaces()
	ns, err := namespaces.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team"}}, metav1.CreateOptions{})
	if err != nil || len(ns.Spec.Finalizers) != 1 || ns.Spec.Finalizers[0] != corev1.FinalizerKubernetes || ns.Status.Phase != corev1.NamespaceActive {
		t.Fatalf("created %+v, %v", ns, err)
	}
	h.want(h.merge("/api/v1/namespaces/team", `{"spec":{"finalizers":null},"metadata":{"labels":{"a":"b"}}}`), 200)
	if ns, err = namespaces.Get(ctx, "team", metav1.GetOptions{}); err != nil || len(ns.Spec.Finalizers) != 1 || ns.Labels["a"] != "b" {
		t.Fatalf("an ordinary write changed the finalizers: %+v, %v", ns, err)
	}
	ns.Spec.Finalizers = append(ns.Spec.Finalizers, "example.org/backup")
	if ns, err = namespaces.Finalize(ctx, ns, metav1.UpdateOptions{}); err != nil || len(ns.Spec.Finalizers) != 2 {
		t.Fatalf("finalize: %+v, %v", ns, err)
	}
	ns.Status.Conditions = []corev1.NamespaceCondition{{Type: "Checked", Status: "True"}}
	if ns, err = namespaces.UpdateStatus(ctx, ns, metav1.UpdateOptions{}); err != nil || len(ns.Status.Conditions) != 1 {
		t.Fatalf("status: %+v, %v", ns, err)
	}
	if err := namespaces.Delete(ctx, "team", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if ns, err = namespaces.Get(ctx, "team", metav1.GetOptions{}); err != nil || ns.DeletionTimestamp == nil {
		t.Fatalf("marked: %+v, %v", ns, err)
	}
	ns.Spec.Finalizers = nil
	if _, err = namespaces.Finalize(ctx, ns, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	h.want(h.get("/api/v1/namespaces/team"), 404)
	contains(t, "discovery", h.get("/api/v1").body, `"name":"namespaces/finalize"`)
	h.refused(h.merge("/api/v1/namespaces/default/finalize", `{}`), 405, metav1.StatusReasonMethodNotAllowed, "not supported")
	if strings.Contains(h.get("/api/v1").body, `"configmaps/finalize"`) {
		t.Error("finalize of others than namespaces")
	}
}
