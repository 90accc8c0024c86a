package schemas

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

//go:embed *.yaml core/*.yaml meta/*.yaml
var documents embed.FS

// Builtin makes all kinds that are a part of the program, ordered by group and
// plural name. An error means that the program was built from a wrong document.
func Builtin() ([]*Kind, error) {
	var kinds []*Kind
	for _, pattern := range []string{"*.yaml", "core/*.yaml"} {
		files, err := fs.Glob(documents, pattern)
		if err != nil {
			return nil, fmt.Errorf("list schemas: %w", err)
		}
		for _, file := range files {
			doc, err := documents.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("read schema: %w", err)
			}
			k, err := Parse(doc)
			if err != nil {
				return nil, fmt.Errorf("schemas/%s: %w", file, err)
			}
			kinds = append(kinds, k)
		}
	}
	slices.SortFunc(kinds, func(a, b *Kind) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Plural, b.Plural))
	})
	return kinds, nil
}

// objectMeta reads the schema of metadata, the same for every kind.
func objectMeta() (*Schema, error) {
	doc, err := documents.ReadFile("meta/objectmeta.yaml")
	if err != nil {
		return nil, fmt.Errorf("read schema of metadata: %w", err)
	}
	data, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		return nil, fmt.Errorf("schemas/meta/objectmeta.yaml: %w", err)
	}
	var tree any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, &tree); err != nil {
		return nil, fmt.Errorf("schemas/meta/objectmeta.yaml: %w", err)
	}
	var r reader
	s := r.schema(field.NewPath("metadata"), tree)
	if problems := append(r.problems, structural(field.NewPath("metadata"), s)...); len(problems) > 0 {
		return nil, fmt.Errorf("schemas/meta/objectmeta.yaml: %w", problems.ToAggregate())
	}
	return s, nil
}
