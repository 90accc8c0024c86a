package controllers

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/schemas"
	"github.com/powernode/powernode/schemas/schematest"
)

// goTypes are the spec and status of every kind of ours.
var goTypes = map[string]struct{ spec, status any }{
	v1.DockerHost:        {v1.DockerHostSpec{}, v1.DockerHostStatus{}},
	v1.ContainerInstance: {v1.ContainerInstanceSpec{}, v1.ContainerInstanceStatus{}},
	v1.Pipeline:          {v1.PipelineSpec{}, v1.PipelineStatus{}},
	v1.PipelineRun:       {v1.PipelineRunSpec{}, v1.PipelineRunStatus{}},
}

// filledByServer are the spec fields that no owner writes, so no example shows them.
var filledByServer = map[string][]string{v1.PipelineRun: {"spec.pipeline"}}

// ofServer are the kinds of our group that the server itself works with: they
// have no controller and no example.
var ofServer = map[string]bool{v1.Token: true}

func ours(t *testing.T) map[string]*schemas.Kind {
	t.Helper()
	all, err := schemas.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]*schemas.Kind{}
	for _, k := range all {
		if k.Group == api.Group && !ofServer[k.Key()] {
			kinds[k.Key()] = k
		}
	}
	return kinds
}

// TestEveryKindIsComplete: whatever names a kind of ours, all else is there too.
func TestEveryKindIsComplete(t *testing.T) {
	served := ours(t)
	listed := map[string]bool{}
	for _, k := range kinds() {
		listed[k.name] = true
		if served[k.name] == nil {
			t.Errorf("%s is in the list of controllers.go and has no schema", k.name)
		}
	}
	for name, kind := range served {
		folder := strings.ToLower(kind.Kind)
		t.Run(kind.Kind, func(t *testing.T) {
			if !listed[name] {
				t.Errorf("no line in controllers.go")
			}
			for _, path := range []string{folder, "../api/v1/" + folder + ".go", "../examples/" + folder + ".yaml", "../schemas/" + kind.Plural + ".yaml"} {
				if _, err := os.Stat(path); err != nil {
					t.Errorf("%s is missing", filepath.Clean(filepath.Join("controllers", path)))
				}
			}
			if _, known := goTypes[name]; !known {
				t.Errorf("no Go types named in this test")
			}
			for _, problem := range schematest.Lint(kind) {
				t.Error(problem)
			}
		})
	}
}

// TestSchemasAgreeWithGoTypes: field by field, both ways.
func TestSchemasAgreeWithGoTypes(t *testing.T) {
	for name, kind := range ours(t) {
		types := goTypes[name]
		properties := kind.Schema.Properties
		for part, value := range map[string]any{"spec": types.spec, "status": types.status} {
			for _, difference := range schematest.Agree(part, properties[part], reflect.TypeOf(value)) {
				t.Errorf("%s: %s", kind.Kind, difference)
			}
		}
	}
}

// TestExamplesShowEveryField: the example of a kind is accepted by its schema
// and its Go type, strictly, and leaves no field of the spec out.
func TestExamplesShowEveryField(t *testing.T) {
	for name, kind := range ours(t) {
		t.Run(kind.Kind, func(t *testing.T) {
			data, err := os.ReadFile("../examples/" + strings.ToLower(kind.Kind) + ".yaml")
			if err != nil {
				t.Fatal(err)
			}
			docs, err := schematest.Documents(kind, data)
			if err != nil || len(docs) == 0 {
				t.Fatalf("%d documents, %v", len(docs), err)
			}
			for _, missing := range schematest.Unmentioned(kind, filledByServer[name], docs...) {
				t.Errorf("the example does not show %s", missing)
			}
			for _, doc := range docs { // after Unmentioned, as Accept fills in defaults
				problems := schematest.Accept(kind, doc)
				spec := reflect.New(reflect.TypeOf(goTypes[name].spec)).Interface()
				problems = append(problems, schematest.AcceptGo(doc["spec"], spec)...)
				for _, problem := range problems {
					t.Error(problem)
				}
			}
		})
	}
}
