package schemas_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/schemas/schematest"
)

const eventsEvent = "Event.events.k8s.io"

// Typed clients read and write the kinds that every cluster has with these types.
func TestCoreKindsAgreeWithTheTypesOfClients(t *testing.T) {
	types := map[string]reflect.Type{
		v1.ConfigMap: reflect.TypeFor[corev1.ConfigMap](), v1.Secret: reflect.TypeFor[corev1.Secret](), v1.Event: reflect.TypeFor[corev1.Event](),
		v1.Namespace: reflect.TypeFor[corev1.Namespace](), v1.ServiceAccount: reflect.TypeFor[corev1.ServiceAccount](),
		v1.Lease: reflect.TypeFor[coordinationv1.Lease](), eventsEvent: reflect.TypeFor[eventsv1.Event](),
		v1.Role: reflect.TypeFor[rbacv1.Role](), v1.ClusterRole: reflect.TypeFor[rbacv1.ClusterRole](),
		v1.RoleBinding: reflect.TypeFor[rbacv1.RoleBinding](), v1.ClusterRoleBinding: reflect.TypeFor[rbacv1.ClusterRoleBinding](),
		v1.CustomResourceDefinition: reflect.TypeFor[apiextensionsv1.CustomResourceDefinition](),
	}
	for key, goType := range types {
		for _, difference := range schematest.Agree("", builtin(t, key).Schema, goType) {
			if !strings.Contains(difference, "x-powernode-") && !strings.HasPrefix(difference, ".metadata") && !knownDifference(difference) {
				t.Errorf("%s: %s", key, difference)
			}
		}
	}
}

// knownDifference are the places where the schema leaves the form of a value open.
func knownDifference(difference string) bool {
	for _, path := range []string{"openAPIV3Schema", ".subresources.status", ".conversion.webhook"} {
		if strings.Contains(difference, path) {
			return true
		}
	}
	return false
}

func TestTablesOfTheKindsThatEveryClusterHas(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const meta = "metadata: {name: one, creationTimestamp: '2026-01-02T03:04:00Z'}"
	for key, test := range map[string]struct {
		doc  string
		want []string
	}{
		v1.ServiceAccount: {"{secrets: [{name: a}]}", []string{"NAME=one", "SECRETS=1", "AGE=5s"}},
		v1.Lease:          {"{spec: {holderIdentity: me}}", []string{"NAME=one", "HOLDER=me", "AGE=5s"}},
		v1.Role:           {"{}", []string{"NAME=one", "CREATED AT=2026-01-02T03:04:00Z"}},
		v1.RoleBinding: {`{roleRef: {kind: Role, name: r}, subjects: [{kind: User, name: u}, {kind: User, name: w}, {kind: Group, name: g}, {kind: ServiceAccount, name: s, namespace: x}]}`,
			[]string{"NAME=one", "ROLE=Role/r", "AGE=5s", "users=u, w", "groups=g", "serviceaccounts=x/s"}},
		v1.CustomResourceDefinition: {"{}", []string{"NAME=one", "CREATED AT=2026-01-02T03:04:00Z"}},
		eventsEvent: {"{type: Normal, reason: Made, note: all is well, regarding: {kind: Pipeline, name: p}, eventTime: '2026-01-02T03:04:04Z'}",
			[]string{"LAST SEEN=1s", "TYPE=Normal", "REASON=Made", "OBJECT=pipeline/p", "MESSAGE=all is well", "first seen=1s", "count=1", "name=one"}},
		v1.Token: {"{spec: {user: me, expiresAt: '2026-01-02T04:04:05Z'}}", []string{"NAME=one", "USER=me", "EXPIRES=in 60m", "AGE=5s"}},
	} {
		o := object(t, test.doc)
		o.ObjectMeta = object(t, "{"+meta+"}").ObjectMeta
		if got := row(builtin(t, key), o, now); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", key, got, test.want)
		}
	}
}

func TestAnEventIsStoredAsThatOfTheCoreGroup(t *testing.T) {
	if k := builtin(t, eventsEvent); k.Stored != v1.Event || k.StoredVersion != "v1" {
		t.Errorf("stored as %s of %s", k.Stored, k.StoredVersion)
	}
	if k := builtin(t, v1.Lease); k.Stored != v1.Lease || k.StoredVersion != "coordination.k8s.io/v1" {
		t.Errorf("a lease is stored as %s of %s", k.Stored, k.StoredVersion)
	}
}

func TestOnlyRolesAndTheirBindingsHaveFreeNames(t *testing.T) {
	for key, want := range map[string]bool{v1.Role: true, v1.ClusterRole: true, v1.RoleBinding: true, v1.ClusterRoleBinding: true, v1.Lease: false, v1.Pipeline: false} {
		if got := builtin(t, key).PathNames; got != want {
			t.Errorf("%s: %v", key, got)
		}
	}
}
