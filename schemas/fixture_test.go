package schemas_test

import (
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/powernode/powernode/schemas"
)

// definition wraps the schema of spec (YAML, not indented) into the definition
// of a kind Widget.
func definition(spec string) string {
	const head = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {plural: widgets, kind: Widget}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
`
	var b strings.Builder
	b.WriteString(head)
	for line := range strings.Lines(strings.TrimSpace(spec) + "\n") {
		b.WriteString(strings.Repeat(" ", 14) + line)
	}
	return b.String()
}

// widget is a kind with the schema of spec.
func widget(t testing.TB, spec string) *schemas.Kind {
	t.Helper()
	k, err := schemas.Parse([]byte(definition(spec)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// document decodes a YAML document as the server does a request's body.
func document(t testing.TB, k *schemas.Kind, doc string) map[string]any {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	decoded, _, err := k.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

var builtins = sync.OnceValues(schemas.Builtin)

// builtin is one of the embedded kinds.
func builtin(t testing.TB, key string) *schemas.Kind {
	t.Helper()
	kinds, err := builtins()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		if k.Key() == key {
			return k
		}
	}
	t.Fatalf("there is no kind %s", key)
	return nil
}

func messages(problems field.ErrorList) (all []string) {
	for _, p := range problems {
		all = append(all, p.Error())
	}
	return all
}
