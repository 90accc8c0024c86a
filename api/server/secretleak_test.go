package server_test

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	clientscheme "k8s.io/client-go/kubernetes/scheme"

	"github.com/powernode/powernode/api/audit"
	"github.com/powernode/powernode/api/server"
)

// canaries are secret values that are looked for wherever they must not be.
type canaries struct {
	n int
}

// plain is a new value, coded one in the form that data has.
func (c *canaries) plain() string {
	c.n++
	return fmt.Sprintf("canary-%03d-of-the-mine", c.n)
}

func (c *canaries) coded() string { return base64.StdEncoding.EncodeToString([]byte(c.plain())) }

// found are the forms in which a part of a canary is in a text.
func (c *canaries) found(text string) (forms []string) {
	for _, form := range []string{"canary", "Y2FuYXJ5", "99 97 110 97 114", "99,97,110,97,114", "63616e617279", "63 61 6e 61 72"} {
		if strings.Contains(text, form) {
			forms = append(forms, form)
		}
	}
	return forms
}

// TestSecretsAreNowhereButInSecrets sends known secrets on every path, well formed and not, and
// looks for them in error bodies, warnings, the audit log, the server's log, metrics, Events,
// histories and lists of metadata.
func TestSecretsAreNowhereButInSecrets(t *testing.T) {
	logged := newSyncBuffer()
	a := startAudited(t, func(cfg *server.Config) {
		cfg.Log = slog.New(slog.NewJSONHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	c := &canaries{}
	for _, call := range secretCalls(t, c) {
		res := a.do(call.method, call.path, call.body, "Content-Type", call.media)
		if (res.code < 300) != call.good {
			t.Errorf("%s: %s", call.name, res)
		}
		for name, values := range res.header {
			if marks := c.found(strings.Join(values, " ")); len(marks) > 0 {
				t.Errorf("%s: header %s: %v", call.name, name, marks)
			}
		}
		if marks := c.found(res.body); len(marks) > 0 && !call.good {
			t.Errorf("%s: the error says %v: %s", call.name, marks, res)
		}
	}
	entries := a.fresh()
	for _, e := range entries {
		if marks := c.found(string(e.Document)); len(marks) > 0 {
			t.Errorf("audit: %v in %s", marks, e.Document)
		}
	}
	if len(entries) < len(secretCalls(t, &canaries{})) {
		t.Errorf("%d records only", len(entries))
	}
	for _, path := range []string{"/metrics", "/api/v1/events", "/audit/v1/records"} {
		if marks := c.found(a.want(a.get(path), 200).body); len(marks) > 0 {
			t.Errorf("%s: %v", path, marks)
		}
	}
	for _, as := range []string{"Table", "PartialObjectMetadataList"} {
		body := a.want(a.get(secrets, "Accept", "application/json;as="+as+";v=v1;g=meta.k8s.io"), 200).body
		if marks := c.found(withoutLastApplied(body)); len(marks) > 0 {
			t.Errorf("as %s: %v", as, marks)
		}
	}
	a.want(a.get(secrets+"/s/history"), 404)
	if marks := c.found(logged.String()); len(marks) > 0 {
		t.Errorf("logged: %v", marks)
	}
	if !strings.Contains(logged.String(), `"path":"`+secrets+`"`) {
		t.Error("nothing was logged")
	}
	// The test would find one.
	if got := a.want(a.get(secrets+"/s"), 200); len(c.found(got.body)) == 0 {
		t.Errorf("the secret itself: %s", got)
	}
	if _, err := audit.Verify(t.Context(), a.log); err != nil {
		t.Error(err)
	}
}

// withoutLastApplied leaves out what kubectl itself has put into the metadata of its objects.
func withoutLastApplied(body string) string {
	before, after, found := strings.Cut(body, `"kubectl.kubernetes.io/last-applied-configuration":"`)
	if !found {
		return body
	}
	_, after, _ = strings.Cut(after, `\n"`)
	return before + withoutLastApplied(after)
}

type secretCall struct {
	name, method, path, media, body string
	good                            bool
}

func secretCalls(t *testing.T, c *canaries) []secretCall {
	const j, strategic, patch = "application/json", "application/strategic-merge-patch+json", "application/json-patch+json"
	doc := func(name, rest string) string {
		return `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"` + name + `"},` + rest + `}`
	}
	data := func() string { return `"data":{"password":"` + c.coded() + `"}` }
	clear := func() string { return `"stringData":{"password":"` + c.plain() + `"}` }
	applied := fmt.Sprintf(`{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":%q}},%s}`, doc("s", data())+"\n", data())
	return []secretCall{
		{"create", "POST", secrets, j, doc("s", data()), true},
		{"create by stringData", "POST", secrets, j, doc("t", clear()), true},
		{"create in YAML", "POST", secrets, "application/yaml", "kind: Secret\nmetadata: {name: why}\nstringData: {password: " + c.plain() + "}\n", true},
		{"create by protobuf", "POST", secrets, "application/vnd.kubernetes.protobuf", protobufSecret(t, "p", c.plain()), true},
		{"create dry", "POST", secrets + "?dryRun=All", j, doc("d", clear()), true},
		{"replace", "PUT", secrets + "/s", j, doc("s", clear()), true},
		{"merge patch", "PATCH", secrets + "/s", asMerge, `{` + clear() + `}`, true},
		{"strategic patch", "PATCH", secrets + "/s", strategic, `{` + data() + `}`, true},
		{"JSON patch", "PATCH", secrets + "/s", patch, `[{"op":"replace","path":"/data/password","value":"` + c.coded() + `"}]`, true},
		{"apply", "PATCH", secrets + "/s?fieldManager=me&force=true", asApply, doc("s", data()), true},
		{"apply that creates", "PATCH", secrets + "/u?fieldManager=me", asApply, doc("u", clear()), true},
		{"patch as kubectl apply does", "PATCH", secrets + "/s", strategic, applied, true},
		{"patch dry", "PATCH", secrets + "/s?dryRun=All", asMerge, `{` + clear() + `}`, true},
		{"ConfigMap as a Secret", "POST", "/api/v1/namespaces/default/configmaps", j, doc("x", data()), false},
		{"exists already", "POST", secrets, j, doc("s", clear()), false},
		{"no base64", "POST", secrets, j, doc("n", `"data":{"password":"`+c.plain()+`"}`), false},
		{"no base64 in a merge patch", "PATCH", secrets + "/s", asMerge, `{"data":{"password":"` + c.plain() + `!"}}`, false},
		{"no base64 in a strategic patch", "PATCH", secrets + "/s", strategic, `{"data":{"password":"` + c.plain() + `!"}}`, false},
		{"no base64 in a JSON patch", "PATCH", secrets + "/s", patch, `[{"op":"add","path":"/data/x","value":"` + c.plain() + `!"}]`, false},
		{"no base64 applied", "PATCH", secrets + "/s?fieldManager=me&force=true", asApply, doc("s", `"data":{"password":"`+c.plain()+`!"}`), false},
		{"data is text", "POST", secrets, j, doc("n", `"data":"`+c.plain()+`"`), false},
		{"data is a list", "POST", secrets, j, doc("n", `"data":["`+c.plain()+`"]`), false},
		{"a value is an object", "POST", secrets, j, doc("n", `"data":{"password":{"a":"`+c.plain()+`"}}`), false},
		{"stringData is text", "POST", secrets, j, doc("n", `"stringData":"`+c.plain()+`"`), false},
		{"stringData is a list", "POST", secrets, j, doc("n", `"stringData":{"password":["`+c.plain()+`"]}`), false},
		{"data applied as text", "PATCH", secrets + "/s?fieldManager=me", asApply, doc("s", `"data":"`+c.plain()+`"`), false},
		{"data replaced by text", "PUT", secrets + "/s", j, doc("s", `"data":"`+c.plain()+`"`), false},
		{"data patched to text", "PATCH", secrets + "/s", asMerge, `{"data":"` + c.plain() + `"}`, false},
		{"data patched strategically to text", "PATCH", secrets + "/s", strategic, `{"data":"` + c.plain() + `"}`, false},
		{"a number patched strategically", "PATCH", secrets + "/s", strategic, `{"data":{"x":5},"stringData":{"y":"` + c.plain() + `"}}`, false},
		{"broken JSON", "POST", secrets, j, `{"data":{"password":"` + c.coded() + `"`, false},
		{"JSON after which comes more", "POST", secrets, j, doc("n", data()) + c.plain(), false},
		{"broken YAML", "POST", secrets, "application/yaml", "data:\n  password: " + c.plain() + "\n bad: [" + c.plain(), false},
		{"YAML that is text", "POST", secrets, "application/yaml", c.plain(), false},
		{"YAML applied that is text", "PATCH", secrets + "/s?fieldManager=me", asApply, c.plain(), false},
		{"broken YAML applied", "PATCH", secrets + "/s?fieldManager=me", asApply, "data:\n  password: " + c.plain() + "\n bad: [" + c.plain(), false},
		{"JSON that is text", "POST", secrets, j, `"` + c.plain() + `"`, false},
		{"broken protobuf", "POST", secrets, "application/vnd.kubernetes.protobuf", protobufSecret(t, "q", c.plain())[:40] + c.plain(), false},
		{"protobuf that is JSON", "POST", secrets, "application/vnd.kubernetes.protobuf", doc("n", data()), false},
		{"JSON that is protobuf", "POST", secrets, j, protobufSecret(t, "q", c.plain()), false},
		{"an unknown form", "POST", secrets, "text/plain", doc("n", clear()), false},
		{"unknown field, strict", "POST", secrets + "?fieldValidation=Strict", j, doc("n", data()+`,"bogus":"`+c.plain()+`"`), false},
		{"field twice, strict", "POST", secrets + "?fieldValidation=Strict", j, doc("n", data()+`,`+data()), false},
		{"broken merge patch", "PATCH", secrets + "/s", asMerge, `{"data":{"password":"` + c.coded(), false},
		{"merge patch that is a list", "PATCH", secrets + "/s", asMerge, `["` + c.coded() + `"]`, false},
		{"broken JSON patch", "PATCH", secrets + "/s", patch, `[{"op":"add","value":"` + c.coded() + `"`, false},
		{"JSON patch that is an object", "PATCH", secrets + "/s", patch, `{"op":"add","path":"/data/x","value":"` + c.coded() + `"}`, false},
		{"JSON patch of an unknown sort", "PATCH", secrets + "/s", patch, `[{"op":"put","path":"/data/x","value":"` + c.coded() + `"}]`, false},
		{"JSON patch whose test fails", "PATCH", secrets + "/s", patch, `[{"op":"test","path":"/data/password","value":"` + c.coded() + `"}]`, false},
		{"JSON patch to nowhere", "PATCH", secrets + "/s", patch, `[{"op":"add","path":"/none/x","value":"` + c.coded() + `"}]`, false},
		{"of a stale version", "PUT", secrets + "/s", j, `{"kind":"Secret","apiVersion":"v1","metadata":{"name":"s","resourceVersion":"1"},` + data() + `}`, false},
		{"apply in conflict", "PATCH", secrets + "/s?fieldManager=other", asApply, doc("s", data()), false},
		{"apply without a manager", "PATCH", secrets + "/s", asApply, doc("s", data()), false},
		{"in a namespace that is not there", "POST", "/api/v1/namespaces/none/secrets", j, doc("n", data()), false},
		{"make immutable", "PATCH", secrets + "/t", asMerge, `{"immutable":true}`, true},
		{"change what is immutable", "PATCH", secrets + "/t", asMerge, `{` + data() + `}`, false},
		{"another type", "PATCH", secrets + "/s", asMerge, `{"type":"other",` + data() + `}`, false},
		{"a key of a bad form", "POST", secrets, j, doc("n", `"stringData":{"bad key":"`+c.plain()+`"}`), false},
		{"delete", "DELETE", secrets + "/u", "", "", true},
		{"delete with a strange body", "DELETE", secrets + "/why", j, `{"preconditions":"` + c.plain() + `"}`, false},
		{"delete all that is labelled", "DELETE", secrets + "?labelSelector=none", "", "", true},
	}
}

func protobufSecret(t *testing.T, name, value string) string {
	t.Helper()
	serializer := protobuf.NewSerializer(clientscheme.Scheme, clientscheme.Scheme)
	data, err := runtime.Encode(serializer, &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string][]byte{"password": []byte(value)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
