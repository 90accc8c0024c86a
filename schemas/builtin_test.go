package schemas_test

import (
	"testing"

	"github.com/powernode/powernode/schemas"
)

func TestBuiltinKindsAreValid(t *testing.T) {
	kinds, err := schemas.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, k := range kinds {
		keys = append(keys, k.Key()+" "+k.APIVersion())
	}
	t.Log(keys)
}
