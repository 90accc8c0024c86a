package schematest_test

import (
	_ "embed"
	"slices"
	"strings"
	"testing"

	"github.com/powernode/powernode/schemas"
	"github.com/powernode/powernode/schemas/schematest"
)

//go:embed testdata/gadgets.yaml
var gadgets []byte

func gadget(t *testing.T) *schemas.Kind {
	t.Helper()
	k, err := schemas.Parse(gadgets)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestLintTellsWhatIsMissing(t *testing.T) {
	want := []string{
		"Gadget: no description",
		"spec: the description is not a sentence: no full stop",
		"spec.name: no description",
		"spec.name: minimum has no effect on type string",
		"spec.off: YAML reads this name as a boolean, unless people quote it; choose another",
		"spec.steps[].run: a default inside a list makes every kubectl apply a change, as it takes lists as a whole; let the controller take the zero value for it",
		"status: requires fase, which is not among the properties",
	}
	if got := schematest.Lint(gadget(t)); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestUnmentionedFindsWhatNoDocumentShows(t *testing.T) {
	k := gadget(t)
	const example = `
apiVersion: example.com/v1
kind: Gadget
spec: {name: a, steps: [{run: x}]}
---
# a second one
apiVersion: example.com/v1
kind: Gadget
spec: {name: b, steps: [{}, {env: {A: {}}}]}
`
	docs, err := schematest.Documents(k, []byte(example))
	if err != nil || len(docs) != 2 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	if got, want := schematest.Unmentioned(k, nil, docs...), []string{"spec.off", "spec.steps[].env{}.value"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := schematest.Unmentioned(k, []string{"spec.steps[].env"}, docs...), []string{"spec.off"}; !slices.Equal(got, want) {
		t.Errorf("with an exception: got %q, want %q", got, want)
	}
	if got, want := schematest.Unmentioned(k, nil), []string{"spec"}; !slices.Equal(got, want) {
		t.Errorf("without documents: got %q, want %q", got, want)
	}
}

func TestAcceptIsStrict(t *testing.T) {
	k := gadget(t)
	docs, err := schematest.Documents(k, []byte("{apiVersion: v1, kind: Gadget, spec: {bogus: 1}}"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"the document is a Gadget of v1, not a Gadget of example.com/v1",
		`unknown field "spec.bogus"`,
		"spec.name: Required value",
	}
	if got := schematest.Accept(k, docs[0]); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := schematest.Documents(k, []byte("{a: 1")); err == nil {
		t.Error("broken YAML is accepted")
	}
}

func TestAcceptGoIsStrict(t *testing.T) {
	var spec struct {
		Name string `json:"name"`
	}
	if got, want := schematest.AcceptGo(map[string]any{"name": "a", "bogus": 1}, &spec), []string{`unknown field "bogus"`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := schematest.AcceptGo(map[string]any{"name": 1}, &spec); len(got) != 1 {
		t.Errorf("a wrong type: got %q", got)
	}
	if got := schematest.AcceptGo(map[string]any{"name": "a"}, &spec); len(got) != 0 || spec.Name != "a" {
		t.Errorf("a right one: got %q, %v", got, spec)
	}
}
