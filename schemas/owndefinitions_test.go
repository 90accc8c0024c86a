package schemas_test

import (
	"encoding/json"
	"testing"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/schemas"
)

// TestOurDefinitionsAreObjectsLikeAnyOther: each makes the kind that is served, and has no field
// that the kind of definitions does not know.
func TestOurDefinitionsAreObjectsLikeAnyOther(t *testing.T) {
	builtin, err := schemas.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	ours, form := map[string]bool{}, (*schemas.Kind)(nil)
	for _, k := range builtin {
		if k.Group == api.Group {
			ours[k.Key()] = true
		}
		if k.Key() == schemas.DefinitionKind {
			form = k
		}
	}
	definitions, err := schemas.OwnDefinitions()
	if err != nil || len(definitions) != len(ours) {
		t.Fatalf("%d definitions for %d kinds, %v", len(definitions), len(ours), err)
	}
	for _, obj := range definitions {
		kinds, err := schemas.Kinds(obj)
		if err != nil || len(kinds) != 1 || !ours[kinds[0].Key()] {
			t.Errorf("%s makes %v, %v", obj.Name, kinds, err)
		}
		data, err := json.Marshal(obj)
		if err != nil {
			t.Fatal(err)
		}
		doc, _, err := form.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		if unknown := form.Prune(doc); len(unknown) > 0 {
			t.Errorf("%s: %v", obj.Name, unknown)
		}
		if problems := form.Validate(doc, nil); len(problems) > 0 {
			t.Errorf("%s: %v", obj.Name, problems)
		}
	}
}
