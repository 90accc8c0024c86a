package server

import (
	"bytes"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/yaml"
	yamlv2 "sigs.k8s.io/yaml/goyaml.v2"
)

// yamlJSON is a YAML document as JSON; it may also be JSON already.
func yamlJSON(body []byte) (data []byte, repeated []string, err error) {
	if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) && json.Valid(body) {
		return body, nil, nil
	}
	if err := boundedAliases(body); err != nil {
		return nil, nil, err
	}
	if data, err = yaml.YAMLToJSONStrict(body); err == nil {
		return data, nil, nil
	}
	lenient, lenientErr := yaml.YAMLToJSON(body)
	if lenientErr != nil {
		return nil, nil, badYAML(lenientErr)
	}
	return lenient, []string{err.Error()}, nil
}

func badYAML(err error) error { return apierrors.NewBadRequest(fmt.Sprintf("read YAML body: %v", err)) }

// boundedAliases refuses a document whose aliases stand for more than a body may have: a few bytes
// each, they can repeat a long text a million times. The parser counts what they repeat, not how long it is.
func boundedAliases(body []byte) error {
	if !bytes.ContainsRune(body, '&') || !bytes.ContainsRune(body, '*') {
		return nil
	}
	var doc any
	if err := yamlv2.Unmarshal(body, &doc); err != nil {
		return badYAML(err)
	}
	if writtenOut(doc, maxBody) < 0 {
		return fmt.Errorf("%w: the limit is %d bytes, with what its aliases stand for", errTooLarge, maxBody)
	}
	return nil
}

// writtenOut is what is left of a number of bytes when a value is written out; negative when they do
// not suffice, as soon as that is known.
func writtenOut(value any, left int) int {
	left -= 2
	switch value := value.(type) {
	case string:
		left -= len(value)
	case []any:
		for i := 0; i < len(value) && left >= 0; i++ {
			left = writtenOut(value[i], left)
		}
	case map[any]any:
		for key, field := range value {
			if left = writtenOut(field, writtenOut(key, left)); left < 0 {
				return left
			}
		}
	}
	return left
}
