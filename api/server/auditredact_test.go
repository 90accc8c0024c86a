package server_test

import (
	"strings"
	"testing"
)

const vaults = "/apis/test.powernode.io/v1/namespaces/default/vaults"

// startWithVaults is a server with a kind that has sensitive fields in every shape.
func startWithVaults(t *testing.T) *audited {
	return startAudited(t, withKind(t, "testdata/vaults.yaml"))
}

func TestSensitiveFieldsOfAnyKindAreNotRecorded(t *testing.T) {
	a := startWithVaults(t)
	a.want(a.post(vaults, `{"metadata":{"name":"v"},"spec":{"open":"seen","key":"canary-1","pin":271828,"keys":["canary-2"],
		"doors":[{"name":"front","code":"canary-3"}]}}`), 201)
	a.want(a.merge(vaults+"/v", `{"spec":{"key":"canary-4","doors":[{"name":"front","code":"canary-3"},{"name":"back","code":"canary-5"}]}}`), 200)
	entries := a.fresh()
	if len(entries) != 2 {
		t.Fatal(documents(entries))
	}
	for _, e := range entries {
		if text := string(e.Document); strings.Contains(text, "canary") || strings.Contains(text, "271828") || !strings.Contains(text, `"open":"seen"`) {
			t.Errorf("%s", text)
		}
	}
	want := `"spec":{"doors":[{"code":"(redacted)","name":"front"},{"code":"(redacted, changed)","name":"back"}],` +
		`"key":"(redacted, changed)","keys":["(redacted)"],"open":"seen","pin":"(redacted)"}`
	if !strings.Contains(string(entries[1].New), want) {
		t.Errorf("new is %s, want %s", entries[1].New, want)
	}
}

func TestTheWordsOfARefusalAreNotRecordedWhereTheyMayQuoteASecret(t *testing.T) {
	a := startWithVaults(t)
	for _, c := range []struct{ path, body, message string }{
		{vaults, `{"metadata":{"name":"v"},"spec":{"key":"canary-canary-canary-canary","doors":5}}`,
			"the message is not kept, as it may quote a secret; fields: spec.doors: FieldValueTypeInvalid, spec.key: FieldValueTooLong"},
		{vaults, `{"metadata":{"name":"v"}`, "the message is not kept, as it may quote a secret"},
	} {
		if res := a.post(c.path, c.body); res.code < 400 || strings.Contains(res.body, "canary") {
			t.Errorf("answered %s", res)
		}
		if r := a.one(); r.Message != c.message || r.Reason == "" {
			t.Errorf("%s", r.Document)
		}
	}
	a.want(a.post(vaults, `{"metadata":{"name":"v"},"spec":{"keys":["canary-1"]}}`), 201)
	const apply = vaults + "/v?fieldManager="
	a.want(a.do("PATCH", apply+"x&force=true", `{"apiVersion":"test.powernode.io/v1","kind":"Vault","spec":{"keys":["canary-2"],"key":"canary-3"}}`, "Content-Type", asApply), 200)
	a.want(a.do("PATCH", apply+"y", `{"apiVersion":"test.powernode.io/v1","kind":"Vault","spec":{"key":"canary-4"}}`, "Content-Type", asApply), 409)
	if text := documents(a.fresh()); strings.Contains(text, "canary") || !strings.Contains(text, `fields: .spec.key: FieldManagerConflict`) {
		t.Error(text)
	}
}
