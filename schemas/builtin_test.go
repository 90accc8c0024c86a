package schemas_test

import (
	"slices"
	"testing"

	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/schemas"
)

func TestBuiltinHasAllKindsInOrder(t *testing.T) {
	kinds, err := schemas.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, k := range kinds {
		keys = append(keys, k.Key())
	}
	want := []string{v1.ConfigMap, v1.Event, v1.Namespace, v1.Secret, v1.ServiceAccount,
		v1.Lease, v1.Role, v1.ClusterRole, v1.RoleBinding, v1.ClusterRoleBinding, v1.CustomResourceDefinition, "Event.events.k8s.io", v1.Token,
		v1.ContainerInstance, v1.DockerHost, v1.PipelineRun, v1.Pipeline}
	for _, key := range want {
		if !slices.Contains(keys, key) {
			t.Errorf("%s is missing", key)
		}
	}
	if sorted := slices.IsSortedFunc(kinds, func(a, b *schemas.Kind) int {
		return slices.Compare([]string{a.Group, a.Plural}, []string{b.Group, b.Plural})
	}); !sorted {
		t.Errorf("not by group and plural: %v", keys)
	}
}
