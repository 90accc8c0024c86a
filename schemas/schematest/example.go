package schematest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	kjson "sigs.k8s.io/json"

	"github.com/powernode/powernode/schemas"
)

// Documents reads the YAML documents of an example as a server would receive them.
func Documents(k *schemas.Kind, example []byte) (docs []map[string]any, err error) {
	reader := utilyaml.NewYAMLToJSONDecoder(bytes.NewReader(example))
	for {
		var raw json.RawMessage
		err := reader.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read example of %s: %w", k.Kind, err)
		}
		if len(raw) == 0 || string(raw) == "null" {
			continue
		}
		doc, duplicates, err := k.Decode(raw)
		if err == nil && len(duplicates) > 0 {
			err = errors.New(strings.Join(duplicates, ", "))
		}
		if err != nil {
			return nil, fmt.Errorf("read example of %s: %w", k.Kind, err)
		}
		docs = append(docs, doc)
	}
}

// Accept tells what the kind finds wrong with a document, as a strict apply
// does: unknown fields and everything that Validate says. doc is completed with
// defaults.
func Accept(k *schemas.Kind, doc map[string]any) (problems []string) {
	if doc["apiVersion"] != k.APIVersion() || doc["kind"] != k.Kind {
		problems = append(problems, fmt.Sprintf("the document is a %v of %v, not a %s of %s", doc["kind"], doc["apiVersion"], k.Kind, k.APIVersion()))
	}
	problems = append(problems, k.Prune(doc)...)
	k.Default(doc)
	for _, bad := range k.Validate(doc, nil) {
		problems = append(problems, bad.Error())
	}
	return problems
}

// AcceptGo tells what stands against decoding value, a part of an example such
// as its spec, into a Go type: into is a pointer to one.
func AcceptGo(value, into any) (problems []string) {
	raw, err := json.Marshal(value)
	if err != nil {
		return []string{err.Error()}
	}
	strict, err := kjson.UnmarshalStrict(raw, into)
	if err != nil {
		return []string{err.Error()}
	}
	for _, s := range strict {
		problems = append(problems, s.Error())
	}
	return problems
}

// Unmentioned are the properties that none of the documents shows: those of
// spec, or all but metadata and status for a kind without spec. A property
// below one of except, or equal to it, need not be shown. Paths are written as
// spec.steps[].name and spec.inputs{}.type.
func Unmentioned(k *schemas.Kind, except []string, docs ...map[string]any) (missing []string) {
	values := make([]any, len(docs))
	for i, doc := range docs {
		values[i] = doc
	}
	for _, name := range slices.Sorted(maps.Keys(k.Schema.Properties)) {
		if !slices.Contains([]string{"apiVersion", "kind", "metadata", "status"}, name) {
			missing = append(missing, unmentioned(name, k.Schema.Properties[name], except, below(values, name))...)
		}
	}
	return missing
}

func unmentioned(path string, s *schemas.Schema, except []string, values []any) (missing []string) {
	if slices.Contains(except, path) {
		return nil
	}
	if len(values) == 0 {
		return []string{path}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		missing = append(missing, unmentioned(path+"."+name, s.Properties[name], except, below(values, name))...)
	}
	if s.AdditionalProperties != nil {
		missing = append(missing, unmentioned(path+"{}", s.AdditionalProperties, except, entries(values))...)
	}
	if s.Items != nil {
		missing = append(missing, unmentioned(path+"[]", s.Items, except, entries(values))...)
	}
	return missing
}

// below are the values of one field in all objects that have it.
func below(values []any, name string) (found []any) {
	for _, v := range values {
		object, _ := v.(map[string]any)
		if value, ok := object[name]; ok {
			found = append(found, value)
		}
	}
	return found
}

// entries are all items of all lists and all values of all maps.
func entries(values []any) (found []any) {
	for _, v := range values {
		switch v := v.(type) {
		case []any:
			found = append(found, v...)
		case map[string]any:
			found = slices.AppendSeq(found, maps.Values(v))
		}
	}
	return found
}
