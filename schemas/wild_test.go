package schemas_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/yaml"
	kyaml "sigs.k8s.io/yaml"

	"github.com/powernode/powernode/schemas"
)

// wild are definitions of other people's, in the modules that we use anyway.
func wild(t testing.TB) map[string][]byte {
	t.Helper()
	docs := map[string][]byte{}
	for module, patterns := range map[string][]string{
		"k8s.io/apiextensions-apiserver": {"test/integration/ratcheting_test_cases/crds/*.yaml", "pkg/test/example/*crd*.yaml"},
		"k8s.io/kubectl":                 {"testdata/apply/*crd*.yaml"},
		"sigs.k8s.io/controller-runtime": {"pkg/envtest/testdata/*.yaml", "pkg/envtest/testdata/*/*.yaml", "pkg/client/apiutil/testdata/crd.yaml", "pkg/client/testdata/*crd*.yaml", "pkg/controller/testdata/crds/*.yaml"},
	} {
		dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
		if err != nil {
			t.Fatalf("go list -m %s: %v; go mod download", module, err)
		}
		for _, pattern := range patterns {
			files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				addDocuments(t, docs, file)
			}
		}
	}
	return docs
}

func addDocuments(t testing.TB, docs map[string][]byte, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for reader := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(data))); ; {
		doc := make([]byte, len(data))
		n, err := reader.Read(doc)
		if err != nil {
			return
		}
		var head struct {
			APIVersion, Kind string
			Metadata         struct{ Name string }
		}
		if err := kyaml.Unmarshal(doc[:n], &head); err != nil || head.Kind != "CustomResourceDefinition" || head.APIVersion != "apiextensions.k8s.io/v1" {
			continue
		}
		docs[filepath.Base(file)+"/"+head.Metadata.Name] = doc[:n]
	}
}

// takes passes a definition through all that the server does with one.
func takes(t testing.TB, doc []byte) (kinds []*schemas.Kind, unknown []string, problems []string) {
	t.Helper()
	definitions := builtin(t, schemas.DefinitionKind)
	tree := document(t, definitions, string(doc))
	unknown = definitions.Prune(tree)
	definitions.Default(tree)
	problems = messages(definitions.Validate(tree, nil))
	obj := object(t, text(tree))
	problems = append(problems, messages(schemas.ValidateDefinition(obj, nil))...)
	if len(problems) > 0 {
		return nil, unknown, problems
	}
	kinds, err := schemas.Kinds(obj)
	if err != nil {
		t.Error(err)
	}
	return kinds, unknown, nil
}

// inTheWild is what is wrong with some of them, in a cluster too.
var inTheWild = map[string][]string{
	"examplecrd_unserved.yaml/frigates.ship.example.com":      {`unknown field "spec.subresources"`},
	"example_multiversion_crd1.yaml/drivers.crew.example.com": {`spec.scope: Unsupported value: "": supported values: "Cluster", "Namespaced"`},
}

func TestDefinitionsFromTheWildAreTaken(t *testing.T) {
	docs := wild(t)
	if len(docs) < 15 {
		t.Fatalf("found only %d definitions", len(docs))
	}
	for name, doc := range docs {
		_, unknown, problems := takes(t, doc)
		if got := append(unknown, problems...); !slices.Equal(got, inTheWild[name]) {
			t.Errorf("%s: %s", name, strings.Join(got, "\n"))
		}
	}
}
