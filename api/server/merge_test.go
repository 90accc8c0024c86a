package server

import (
	"encoding/json"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
)

// Documents are merged in place as the library that Kubernetes uses does it with their JSON.
func TestMergeInto(t *testing.T) {
	docs := []string{`{}`, `{"a":1}`, `{"a":{"b":1,"c":[1,{"d":2}]}}`, `{"a":[1,2],"b":null}`, `{"a":"x","b":{"c":{"d":1}}}`}
	patches := []string{`{}`, `{"a":null}`, `{"a":{"b":null}}`, `{"a":{"b":{"c":null,"d":1}}}`, `{"a":[{"b":null,"c":1},null]}`, `{"b":{"c":2}}`, `{"a":{"c":[{"x":null}]},"b":{"c":{"d":null}}}`, `{"a":"y"}`}
	for _, doc := range docs {
		for _, patch := range patches {
			want, err := jsonpatch.MergePatch([]byte(doc), []byte(patch))
			if err != nil {
				t.Fatal(err)
			}
			var merged, change, library map[string]any
			for into, raw := range map[*map[string]any]string{&merged: doc, &change: patch, &library: string(want)} {
				if err := json.Unmarshal([]byte(raw), into); err != nil {
					t.Fatal(err)
				}
			}
			mergeInto(merged, change)
			if !sameValue(merged, library) {
				got, _ := json.Marshal(merged)
				t.Errorf("%s with %s is %s, want %s", doc, patch, got, want)
			}
			if again, _ := json.Marshal(change); string(again) != patch {
				t.Errorf("the patch %s became %s", patch, again)
			}
		}
	}
}
