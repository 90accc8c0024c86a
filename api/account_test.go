package api_test

import (
	"testing"

	"github.com/powernode/powernode/api"
)

func TestServiceAccountsHaveUserNames(t *testing.T) {
	if ns, name, ok := api.SplitServiceAccountName(api.ServiceAccountName("a", "b")); ns != "a" || name != "b" || !ok {
		t.Errorf("got %s %s %v", ns, name, ok)
	}
	for _, bad := range []string{"ann", "system:serviceaccount:a", "system:serviceaccount::b", "system:serviceaccount:a:", "system:serviceaccount:a:b:c"} {
		if _, _, ok := api.SplitServiceAccountName(bad); ok {
			t.Errorf("%s is taken for a service account", bad)
		}
	}
}
