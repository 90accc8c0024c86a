package schemas

import (
	"encoding/json"
	"fmt"
	"io/fs"

	"sigs.k8s.io/yaml"

	"github.com/powernode/powernode/api"
)

// OwnDefinitions are the definitions of the kinds of powernode.io as objects to store: users see
// what they are, and k9s and kubectl find them where they look for kinds.
func OwnDefinitions() ([]*api.Object, error) {
	kinds, err := Builtin()
	if err != nil {
		return nil, err
	}
	definitions := map[string]*Kind{}
	for _, k := range kinds {
		definitions[k.Key()] = k
	}
	var own []*api.Object
	for _, pattern := range []string{"*.yaml", "core/*.yaml"} {
		files, err := fs.Glob(documents, pattern)
		if err != nil {
			return nil, fmt.Errorf("list schemas: %w", err)
		}
		for _, file := range files {
			obj, err := definitionObject(definitions[DefinitionKind], file)
			if err != nil {
				return nil, fmt.Errorf("schemas/%s: %w", file, err)
			}
			if obj != nil {
				own = append(own, obj)
			}
		}
	}
	return own, nil
}

// definitionObject is the document of a file as the API would store it; nil when it is of another group.
func definitionObject(form *Kind, file string) (*api.Object, error) {
	data, err := documents.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if data, err = yaml.YAMLToJSON(data); err != nil {
		return nil, err
	}
	doc, _, err := form.Decode(data)
	if err != nil {
		return nil, err
	}
	spec, _ := doc["spec"].(map[string]any)
	if spec["group"] != api.Group {
		return nil, nil
	}
	CompleteDefinition(doc)
	form.Default(doc)
	if data, err = json.Marshal(doc); err != nil {
		return nil, err
	}
	obj := &api.Object{}
	return obj, json.Unmarshal(data, obj)
}
