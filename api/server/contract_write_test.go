package server_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	jsonMedia = "application/json"
	yamlMedia = "application/yaml"
	secrets   = "/api/v1/namespaces/default/secrets"
	configs   = "/api/v1/namespaces/default/configmaps"
)

// refusal is a request that changes nothing, with all that the answer says of it.
type refusal struct {
	name, method, path, media, body string
	code                            int
	reason                          metav1.StatusReason
	message                         string
	causes                          []string // reason and field of each
}

// check sends the request and compares the answer.
func (c refusal) check(t *testing.T, h *harness) {
	t.Helper()
	st := h.refused(h.do(c.method, c.path, c.body, "Content-Type", c.media), c.code, c.reason, c.message)
	var causes []string
	if st.Details != nil {
		for _, cause := range st.Details.Causes {
			causes = append(causes, string(cause.Type)+" "+cause.Field)
		}
	}
	if !slices.Equal(causes, c.causes) {
		t.Errorf("causes are %q, want %q", causes, c.causes)
	}
}

// What writes are refused for, as api.md §5 and §6 have it: code, reason, message, causes.
func TestWritesThatAreRefused(t *testing.T) {
	h := start(t, withFleets(t))
	a := h.want(h.post(widgets, `{"metadata":{"name":"a","uid":""},"spec":{"size":1}}`), 201).object(t)
	h.want(h.post(secrets, `{"metadata":{"name":"s"},"data":{"k":"dg=="},"immutable":true}`), 201)
	h.want(h.post(secrets, `{"metadata":{"name":"open"},"data":{"k":"dg=="}}`), 201)
	h.want(h.post(configs, `{"metadata":{"name":"c"},"data":{"k":"v"},"immutable":true}`), 201)
	h.want(h.post("/api/v1/namespaces", `{"metadata":{"name":"ending","finalizers":["x/y"]}}`), 201)
	h.want(h.do("DELETE", "/api/v1/namespaces/ending", ""), 200)
	const (
		bad, invalid, conflict = metav1.StatusReasonBadRequest, metav1.StatusReasonInvalid, metav1.StatusReasonConflict
		unsupported, tooLarge  = metav1.StatusReasonUnsupportedMediaType, metav1.StatusReasonRequestEntityTooLarge
	)
	rv := fmt.Sprintf(`"resourceVersion":%q`, a.ResourceVersion)
	mebibyte := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 1<<20)))
	for _, c := range []refusal{
		{"create: no body", "POST", widgets, jsonMedia, ``, 400, bad, "read Widget", nil},
		{"create: null", "POST", widgets, jsonMedia, `null`, 400, bad, "not an object", nil},
		{"create: no metadata", "POST", widgets, jsonMedia, `{"metadata":null,"spec":{"size":1}}`, 422, invalid, "metadata.name: Required value: name or generateName is required", []string{"FieldValueRequired metadata.name"}},
		{"create: a null that must be there", "POST", widgets, jsonMedia, `{"metadata":{"name":"n"},"spec":null}`, 422, invalid, "spec: Required value", []string{"FieldValueRequired spec"}},
		{"create: as text", "POST", widgets, "text/plain", `x`, 415, unsupported, "unknown format (text/plain) - accepted media types include: application/json, application/yaml", nil},
		{"create: protobuf of a kind of ours", "POST", widgets, "application/vnd.kubernetes.protobuf", `k8s` + "\x00", 415, unsupported, "unknown format (application/vnd.kubernetes.protobuf)", nil},
		{"create: spoilt protobuf", "POST", secrets, "application/vnd.kubernetes.protobuf", `k8s` + "\x00\xff", 400, bad, "read protobuf body of Secret", nil},
		{"create: too large", "POST", configs, jsonMedia, `{"metadata":{"name":"x"},"data":{"k":"` + strings.Repeat("x", 3<<20) + `"}}`, 413, tooLarge, "the limit is 3145728 bytes", nil},
		{"create: too large annotations", "POST", widgets, jsonMedia, `{"metadata":{"name":"x","annotations":{"a":"` + strings.Repeat("x", 256<<10) + `"}},"spec":{"size":1}}`, 422, invalid, "metadata.annotations: Too long", []string{"FieldValueTooLong metadata.annotations"}},
		{"create: in a namespace that ends", "POST", strings.Replace(widgets, "default", "ending", 1), jsonMedia, widgetBody("x", 1), 403, metav1.StatusReasonForbidden, "because it is being terminated", []string{"NamespaceTerminating metadata.namespace"}},
		{"create: several mistakes", "POST", widgets, jsonMedia, `{"metadata":{"name":"x"},"spec":{"size":"big","colour":"pink","parts":{}}}`, 422, invalid, `Widget.test.powernode.io "x" is invalid: [`, []string{"FieldValueNotSupported spec.colour", "FieldValueTypeInvalid spec.parts", "FieldValueTypeInvalid spec.size"}},
		{"create: strict", "POST", widgets + "?fieldValidation=Strict", jsonMedia, `{"metadata":{"name":"x","labels":{"a":"1","a":"2"}},"spec":{"size":1,"x":1},"y":1}`, 400, bad,
			`Widget in version "v1" cannot be handled as a Widget: strict decoding error: duplicate field "metadata.labels.a", unknown field "spec.x", unknown field "y"`, nil},
		{"create: strict YAML", "POST", widgets + "?fieldValidation=Strict", yamlMedia, "metadata: {name: x}\nspec: {size: 1}\nspec: {size: 2}\n", 400, bad, `key "spec" already set in map`, nil},
		{"create: spoilt YAML", "POST", widgets, yamlMedia, "a: b: c", 400, bad, "read YAML body", nil},
		{"create: a very long manager", "POST", widgets + "?fieldManager=" + strings.Repeat("x", 129), jsonMedia, widgetBody("x", 1), 422, invalid, "fieldManager: Too long", []string{"FieldValueTooLong fieldManager"}},
		{"create: an unprintable manager", "POST", widgets + "?fieldManager=%01", jsonMedia, widgetBody("x", 1), 422, invalid, "fieldManager: Invalid value", []string{"FieldValueInvalid fieldManager"}},

		{"put: another name", "PUT", widgets + "/a", jsonMedia, `{"metadata":{"name":"b"},"spec":{"size":1}}`, 400, bad, "the name of the object (b) does not match the name on the URL (a)", nil},
		{"put: another namespace", "PUT", widgets + "/a", jsonMedia, `{"metadata":{"name":"a","namespace":"b",` + rv + `},"spec":{"size":1}}`, 400, bad, "does not match the namespace sent on the request (default)", nil},
		{"put: no version", "PUT", widgets + "/a", jsonMedia, widgetBody("a", 1), 422, invalid, "metadata.resourceVersion: Invalid value: 0: must be specified for an update", []string{"FieldValueInvalid metadata.resourceVersion"}},
		{"put: an old version", "PUT", widgets + "/a", jsonMedia, `{"metadata":{"name":"a","resourceVersion":"1"},"spec":{"size":1}}`, 409, conflict,
			`Operation cannot be fulfilled on widgets.test.powernode.io "a": the object has been modified; please apply your changes to the latest version and try again`, nil},
		{"put: another uid", "PUT", widgets + "/a", jsonMedia, `{"metadata":{"name":"a","uid":"x",` + rv + `},"spec":{"size":1}}`, 409, conflict, "UID in precondition: x", nil},
		{"put: nothing there", "PUT", widgets + "/b", jsonMedia, `{"metadata":{"name":"b",` + rv + `},"spec":{"size":1}}`, 404, metav1.StatusReasonNotFound, `widgets.test.powernode.io "b" not found`, nil},
		{"put: marks as deleted", "PUT", widgets + "/a", jsonMedia, `{"metadata":{"name":"a","deletionTimestamp":"2020-01-01T00:00:00Z","deletionGracePeriodSeconds":3,` + rv + `},"spec":{"size":1}}`, 422, invalid, "metadata.deletionTimestamp: Invalid value",
			[]string{"FieldValueInvalid metadata.deletionTimestamp", "FieldValueInvalid metadata.deletionGracePeriodSeconds"}},
		{"put: strict status", "PUT", widgets + "/a/status?fieldValidation=Strict", jsonMedia, `{"metadata":{"name":"a",` + rv + `},"status":{"x":1}}`, 400, bad, `unknown field "status.x"`, nil},
		{"put: a wrong status", "PUT", widgets + "/a/status", jsonMedia, `{"metadata":{"name":"a",` + rv + `},"status":{"phase":1}}`, 422, invalid, "status.phase", []string{"FieldValueTypeInvalid status.phase"}},

		{"patch: a test that fails", "PATCH", widgets + "/a", jsonPatch, `[{"op":"test","path":"/spec/size","value":2}]`, 422, invalid, "patch: Invalid value", []string{"FieldValueInvalid patch"}},
		{"patch: malformed", "PATCH", widgets + "/a", jsonPatch, `[{"op":`, 400, bad, "read patch", nil},
		{"patch: strict operations", "PATCH", widgets + "/a?fieldValidation=Strict", jsonPatch, `[{"op":"replace","path":"/spec/size","value":2,"why":"x"}]`, 400, bad, `json patch unknown field "[0].why"`, nil},
		{"patch: strict result", "PATCH", widgets + "/a?fieldValidation=Strict", jsonPatch, `[{"op":"add","path":"/spec/x","value":2}]`, 400, bad, `unknown field "spec.x"`, nil},
		{"patch: uid", "PATCH", widgets + "/a", mergePatch, `{"metadata":{"uid":"x"}}`, 422, invalid, "metadata.uid: Invalid value: \"x\": field is immutable", []string{"FieldValueInvalid metadata.uid"}},
		{"patch: version", "PATCH", widgets + "/a", mergePatch, `{"metadata":{"resourceVersion":"1"}}`, 409, conflict, "the object has been modified", nil},
		{"patch: name", "PATCH", widgets + "/a", mergePatch, `{"metadata":{"name":"x"}}`, 400, bad, "does not match the name on the URL (a)", nil},
		{"patch: strategic for ours", "PATCH", widgets + "/a", strategic, `{}`, 415, unsupported, "unknown format (application/strategic-merge-patch+json) - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml", nil},
		{"patch: nothing", "PATCH", widgets + "/a", mergePatch, ``, 400, bad, "read patch", nil},
		{"patch: force", "PATCH", widgets + "/a?force=true", mergePatch, `{}`, 422, invalid, "force: Forbidden: may not be specified for non-apply patch", []string{"FieldValueForbidden force"}},
		{"patch: dry run of what is wrong", "PATCH", widgets + "/a?dryRun=All", mergePatch, `{"spec":{"size":0}}`, 422, invalid, "spec.size", []string{"FieldValueInvalid spec.size"}},
		{"patch: an unknown dry run", "PATCH", widgets + "/a?dryRun=Some", mergePatch, `{}`, 422, invalid, "dryRun", []string{"FieldValueNotSupported dryRun"}},
		{"apply: too large", "PATCH", widgets + "/a?fieldManager=m", applyPatch, strings.Repeat(" ", 3<<20+1), 413, tooLarge, "the limit", nil},

		{"secret: immutable data", "PATCH", secrets + "/s", mergePatch, `{"stringData":{"k":"w"}}`, 422, invalid, `data: Forbidden: field is immutable when "immutable" is set`, []string{"FieldValueForbidden data"}},
		{"secret: no longer immutable", "PATCH", secrets + "/s", mergePatch, `{"immutable":null}`, 422, invalid, "immutable: Forbidden", []string{"FieldValueForbidden immutable"}},
		{"secret: another type", "PATCH", secrets + "/open", mergePatch, `{"type":"x/y"}`, 422, invalid, `type: Invalid value: "x/y": field is immutable`, []string{"FieldValueInvalid type"}},
		{"secret: a wrong key", "POST", secrets, jsonMedia, `{"metadata":{"name":"x"},"data":{"a b":"dg=="}}`, 422, invalid, "data[a b]", []string{"FieldValueInvalid data[a b]"}},
		{"secret: no file", "POST", secrets, jsonMedia, `{"metadata":{"name":"x"},"data":{"..x":"dg=="}}`, 422, invalid, "data[..x]", []string{"FieldValueInvalid data[..x]"}},
		{"secret: no base64", "POST", secrets, jsonMedia, `{"metadata":{"name":"x"},"data":{"k":"~~~"}}`, 422, invalid, "data[k]", []string{"FieldValueInvalid data[k]"}},
		{"secret: more than 1 MiB", "POST", secrets, jsonMedia, `{"metadata":{"name":"x"},"data":{"k":"` + mebibyte + `","l":"dg=="}}`, 422, invalid, "data: Too long: may not be more than 1048576 bytes", []string{"FieldValueTooLong data"}},
		{"secret: TLS without its key", "POST", secrets, jsonMedia, `{"metadata":{"name":"x"},"type":"kubernetes.io/tls","stringData":{"tls.crt":"x"}}`, 422, invalid, "data[tls.key]: Required value", []string{"FieldValueRequired data[tls.key]"}},
		{"secret: a registry's that is no JSON", "POST", secrets, jsonMedia, `{"metadata":{"name":"x"},"type":"kubernetes.io/dockerconfigjson","stringData":{".dockerconfigjson":"hush"}}`, 422, invalid, "data[.dockerconfigjson]: Invalid value: must be JSON", []string{"FieldValueInvalid data[.dockerconfigjson]"}},
		{"secret: no login", "POST", secrets, jsonMedia, `{"metadata":{"name":"x"},"type":"kubernetes.io/basic-auth"}`, 422, invalid, "username or a password", []string{"FieldValueRequired data[username]"}},
		{"config: immutable data", "PATCH", configs + "/c", strategic, `{"data":{"k":"w"}}`, 422, invalid, "data: Forbidden", []string{"FieldValueForbidden data"}},
		{"config: a key twice", "POST", configs, jsonMedia, `{"metadata":{"name":"x"},"data":{"k":"v"},"binaryData":{"k":"dg=="}}`, 422, invalid, "data[k]", []string{"FieldValueInvalid data[k]"}},
		{"config: more than 1 MiB", "POST", configs, jsonMedia, `{"metadata":{"name":"x"},"data":{"a":"` + strings.Repeat("x", 1<<20) + `"},"binaryData":{"k":"dg=="}}`, 422, invalid, "Too long", []string{"FieldValueTooLong data"}},
		{"embedded: no kind", "POST", fleets, jsonMedia, fleetBody("x", `{"template":{"spec":{}}}`), 422, invalid, "spec.template", []string{"FieldValueRequired spec.template.apiVersion", "FieldValueRequired spec.template.kind"}},
		{"lists: a set with one twice", "POST", fleets, jsonMedia, fleetBody("x", `{"flags":["a","a"]}`), 422, invalid, "spec.flags[1]: Duplicate value", []string{"FieldValueDuplicate spec.flags[1]"}},
		{"lists: a map with one twice", "POST", fleets, jsonMedia, fleetBody("x", `{"ports":[{"number":1},{"number":1,"protocol":"TCP"}]}`), 422, invalid, "spec.ports[1]: Duplicate value", []string{"FieldValueDuplicate spec.ports[1]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := *h
			h.TB = t
			before, _ := h.store.Revision(t.Context())
			c.check(t, &h)
			if after, err := h.store.Revision(t.Context()); err != nil || after != before {
				t.Errorf("something was stored: %d, %d, %v", before, after, err)
			}
		})
	}
}
