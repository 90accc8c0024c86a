package schemas_test

import (
	"slices"
	"strings"
	"testing"
)

func TestValidateFindsChangesThatMayNotBe(t *testing.T) {
	for rule, test := range map[string]struct {
		kind, old, doc string
		want           []string
	}{
		"values of a secret that is not immutable": {"Secret", "{type: Opaque, data: {a: YQ==}}", "{type: Opaque, data: {a: Yg==}}", nil},
		"the type of a secret": {"Secret", "{type: Opaque}", "{type: other}",
			[]string{`type: Invalid value: "other": field is immutable`}},
		"a type that was not set": {"Secret", "{}", "{type: Opaque}", nil},
		"values of an immutable secret": {"Secret", "{immutable: true, data: {a: YQ==}}", "{immutable: true, data: {a: Yg==}}",
			[]string{`data: Forbidden: field is immutable when "immutable" is set`}},
		"taking the word back": {"Secret", "{immutable: true}", "{immutable: false}",
			[]string{`immutable: Forbidden: field is immutable when "immutable" is set`}},
		"becoming immutable with new values":  {"Secret", "{data: {a: YQ==}}", "{immutable: true, data: {a: Yg==}}", nil},
		"labels of an immutable secret":       {"Secret", "{immutable: true, metadata: {labels: {a: b}}}", "{immutable: true, metadata: {labels: {a: c}}}", nil},
		"values of an immutable config map":   {"ConfigMap", "{immutable: true, data: {a: b}}", "{immutable: true}", []string{`data: Forbidden: field is immutable when "immutable" is set`}},
		"a binary of an immutable config map": {"ConfigMap", "{immutable: true}", "{immutable: true, binaryData: {a: YQ==}}", []string{`binaryData: Forbidden: field is immutable when "immutable" is set`}},
	} {
		t.Run(rule, func(t *testing.T) {
			k := builtin(t, test.kind)
			got := messages(k.Validate(document(t, k, test.doc), document(t, k, test.old)))
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestASecretsValuesAreInNoError(t *testing.T) {
	k := builtin(t, "Secret")
	for _, doc := range []string{
		"{data: {password: hunter2!}}",
		"{data: hunter2}",
		"{data: [hunter2]}",
		"{data: {password: {deep: hunter2}}}",
		"{stringData: {password: [hunter2]}}",
		"{stringData: hunter2}",
		"{data: {'bad key': hunter2}}",
	} {
		got := messages(k.Validate(document(t, k, doc), nil))
		if len(got) == 0 {
			t.Errorf("%s is accepted", doc)
		}
		if strings.Contains(strings.Join(got, "\n"), "hunter2") {
			t.Errorf("%s: the error shows the value: %q", doc, got)
		}
	}
}

func TestSecretsAndConfigMapsCheckTheirKeys(t *testing.T) {
	for kind, doc := range map[string]string{"Secret": "{data: {'a b': YQ==}}", "ConfigMap": "{data: {'a b': x}}"} {
		k := builtin(t, kind)
		want := []string{`data[a b]: Invalid value: "a b": must match ^[-._a-zA-Z0-9]{1,253}$`}
		if got := messages(k.Validate(document(t, k, doc), nil)); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", kind, got, want)
		}
	}
}
