package server

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/schemas"
)

// maxValues is how many bytes all values of a Secret or ConfigMap may have together.
const maxValues = 1 << 20

// validateCore checks what the schemas of the core kinds can't say. Values are never a
// part of what it answers.
func validateCore(kind *schemas.Kind, obj *api.Object) field.ErrorList {
	if kind.Group != "" {
		return nil
	}
	switch kind.Kind {
	case "Secret":
		values := valuesOf(obj, "data", asBase64)
		return append(checkValues(values, nil), checkSecretType(obj, values)...)
	case "ConfigMap":
		return checkValues(valuesOf(obj, "data", asText), valuesOf(obj, "binaryData", asBase64))
	}
	return nil
}

func asText(s string) []byte { return []byte(s) }

func asBase64(s string) []byte {
	raw, _ := base64.StdEncoding.DecodeString(s) // the schema has checked it
	return raw
}

// valuesOf are the values of a map of strings.
func valuesOf(obj *api.Object, name string, read func(string) []byte) map[string][]byte {
	var raw map[string]string
	if err := json.Unmarshal(obj.Rest[name], &raw); err != nil {
		return nil // absent: the schema has checked its form
	}
	values := make(map[string][]byte, len(raw))
	for key, text := range raw {
		values[key] = read(text)
	}
	return values
}

// checkValues checks the keys and the size of data and binaryData.
func checkValues(data, binary map[string][]byte) (problems field.ErrorList) {
	total := 0
	check := func(at *field.Path, values map[string][]byte) {
		for _, key := range slices.Sorted(maps.Keys(values)) {
			total += len(values[key])
			if key == "." || strings.HasPrefix(key, "..") {
				problems = append(problems, field.Invalid(at.Key(key), key, "a key is the name of a file: it can't be . nor begin with .."))
			}
		}
	}
	check(field.NewPath("data"), data)
	check(field.NewPath("binaryData"), binary)
	for _, key := range slices.Sorted(maps.Keys(binary)) {
		if _, twice := data[key]; twice {
			problems = append(problems, field.Invalid(field.NewPath("data").Key(key), key, "is in binaryData too"))
		}
	}
	if total > maxValues {
		problems = append(problems, field.TooLong(field.NewPath("data"), field.OmitValueType{}, maxValues))
	}
	return problems
}

// secretKeys are the keys that a Secret of a type that programs rely on must have.
func secretKeys(kind string) []string {
	return map[string][]string{
		"kubernetes.io/dockercfg":        {".dockercfg"},
		"kubernetes.io/dockerconfigjson": {".dockerconfigjson"},
		"kubernetes.io/ssh-auth":         {"ssh-privatekey"},
		"kubernetes.io/tls":              {"tls.crt", "tls.key"},
	}[kind]
}

// checkSecretType checks that a Secret has what its type promises.
func checkSecretType(obj *api.Object, values map[string][]byte) (problems field.ErrorList) {
	var kind string
	_ = json.Unmarshal(obj.Rest["type"], &kind) // the schema has checked it
	at := field.NewPath("data")
	for _, key := range secretKeys(kind) {
		value, there := values[key]
		switch {
		case !there:
			problems = append(problems, field.Required(at.Key(key), fmt.Sprintf("a secret of type %s has it", kind)))
		case strings.HasPrefix(key, ".docker") && !json.Valid(value):
			problems = append(problems, field.Invalid(at.Key(key), field.OmitValueType{}, "must be JSON"))
		}
	}
	if _, ok := values["username"]; kind == "kubernetes.io/basic-auth" && !ok && values["password"] == nil {
		problems = append(problems, field.Required(at.Key("username"), "a secret of type kubernetes.io/basic-auth has a username or a password"))
	}
	if kind == "kubernetes.io/service-account-token" && obj.Annotations["kubernetes.io/service-account.name"] == "" {
		problems = append(problems, field.Required(field.NewPath("metadata", "annotations").Key("kubernetes.io/service-account.name"), ""))
	}
	return problems
}
