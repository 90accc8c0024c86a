package server_test

import (
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// The typed clients send protobuf, and merge strategically.
func TestTypedClientsOfAllGroups(t *testing.T) {
	h := start(t)
	c, err := kubernetes.NewForConfig(h.config())
	if err != nil {
		t.Fatal(err)
	}
	meta := metav1.ObjectMeta{Name: "x", Namespace: "default"}
	role, err := c.RbacV1().Roles("default").Create(t.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}}}}, metav1.CreateOptions{})
	if err != nil || len(role.Rules) != 1 || role.ManagedFields[0].APIVersion != "rbac.authorization.k8s.io/v1" {
		t.Fatalf("got %v, %v", role, err)
	}
	role.ResourceVersion = "" // kinds that Kubernetes itself has may be replaced blindly
	role.Rules[0].Verbs = []string{"list"}
	if role, err = c.RbacV1().Roles("default").Update(t.Context(), role, metav1.UpdateOptions{}); err != nil || role.Rules[0].Verbs[0] != "list" {
		t.Fatalf("got %v, %v", role, err)
	}
	holder := "me"
	lease, err := c.CoordinationV1().Leases("default").Create(t.Context(), &coordinationv1.Lease{ObjectMeta: meta, Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder, RenewTime: &metav1.MicroTime{Time: time.Now()}}}, metav1.CreateOptions{})
	if err != nil || *lease.Spec.HolderIdentity != "me" {
		t.Fatalf("got %v, %v", lease, err)
	}
	lease.ResourceVersion = "" // but locks may not
	if _, err = c.CoordinationV1().Leases("default").Update(t.Context(), lease, metav1.UpdateOptions{}); !apierrors.IsInvalid(err) {
		t.Fatalf("got %v", err)
	}
	_, err = c.CoreV1().ServiceAccounts("default").Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: meta, Secrets: []corev1.ObjectReference{{Name: "a"}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	account, err := c.CoreV1().ServiceAccounts("default").Patch(t.Context(), "x", types.StrategicMergePatchType, []byte(`{"secrets":[{"name":"b"}]}`), metav1.PatchOptions{})
	if err != nil || len(account.Secrets) != 2 {
		t.Fatalf("got %v, %v", account, err)
	}
	event, err := c.EventsV1().Events("default").Create(t.Context(), &eventsv1.Event{ObjectMeta: meta, EventTime: metav1.NowMicro(), ReportingController: "c", ReportingInstance: "i", Action: "A", Reason: "R", Type: "Normal", Note: "note",
		Regarding: corev1.ObjectReference{Kind: "ServiceAccount", Namespace: "default", Name: "x"}}, metav1.CreateOptions{})
	if err != nil || event.Note != "note" {
		t.Fatalf("got %v, %v", event, err)
	}
	event, err = c.EventsV1().Events("default").Patch(t.Context(), "x", types.StrategicMergePatchType, []byte(`{"series":{"count":2,"lastObservedTime":"2026-01-01T00:00:00.000000Z"}}`), metav1.PatchOptions{})
	if err != nil || event.Series == nil || event.Series.Count != 2 || event.Note != "note" {
		t.Fatalf("got %v, %v", event, err)
	}
}
