package server_test

import (
	"fmt"
	"strings"
	"testing"
)

// A JSON patch is carried out if that can't take long, however many operations it has.
func TestTheWorkOfAJSONPatchIsBounded(t *testing.T) {
	d := startDirect(t)
	numbers := strings.Repeat("1,", 30_000) + "1"
	body := fleetBody("a", fmt.Sprintf(`{"route":["x"],"extra":{"list":[%s],"text":"x"}}`, numbers))
	if a := d.send("POST", fleets, jsonMedia, body); a.code != 201 {
		t.Fatal(a)
	}
	for _, c := range []struct {
		what, op string
		n, code  int
	}{
		{"inserts into a long list", `{"op":"add","path":"/spec/extra/list/0","value":1}`, 4000, 413},
		{"some of them", `{"op":"add","path":"/spec/extra/list/0","value":1}`, 100, 200},
		{"removals from a long list", `{"op":"remove","path":"/spec/extra/list/7"}`, 4000, 413},
		{"moves in a long list", `{"op":"move","from":"/spec/extra/list/7","path":"/spec/extra/list/-"}`, 4000, 413},
		{"items that are appended", `{"op":"add","path":"/spec/extra/list/-","value":1}`, 10_000, 200},
		{"values that are replaced", `{"op":"replace","path":"/spec/extra/list/0","value":1}`, 10_000, 200},
		{"tests", `{"op":"test","path":"/spec/extra/list/0","value":1}`, 10_000, 200},
		{"labels", `{"op":"add","path":"/metadata/labels","value":{"a":"b"}}`, 10_000, 200},
	} {
		patch := "[" + strings.TrimSuffix(strings.Repeat(c.op+",", c.n), ",") + "]"
		a := d.send("PATCH", fleets+"/a?dryRun=All", jsonPatch, patch)
		if a.code != c.code {
			t.Errorf("%d %s: %d, want %d: %.300s", c.n, c.what, a.code, c.code, a.body)
		}
		if c.code == 413 && !strings.Contains(a.body, "move items") {
			t.Errorf("%s: it is not said why: %s", c.what, a.body)
		}
	}
}
