package server_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/powernode/powernode/api/leaktest"
	"github.com/powernode/powernode/api/server"
	"github.com/powernode/powernode/store/memory"
)

// direct is a server that is called without a connection.
type direct struct {
	testing.TB
	server *server.Server
}

func startDirect(t testing.TB) direct {
	cfg := server.Config{
		Store: &memory.Store{}, Kinds: testKinds(t),
		Authenticate: server.Tokens(map[string]server.User{adminToken: {Name: "admin", Groups: []string{server.Masters}}}),
	}
	withFleets(t)(&cfg)
	s, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	d := direct{t, s}
	d.send("POST", "/api/v1/namespaces", jsonMedia, `{"metadata":{"name":"default"}}`)
	return d
}

func (d direct) send(method, path, media, body string) answer {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+adminToken)
	r.Header.Set("Content-Type", media)
	w := httptest.NewRecorder()
	d.server.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

const fuzzedFleet = `{"ships":3,"flags":["a","b"],"route":["x"],"ports":[{"number":1,"name":"one"},{"number":1,"protocol":"UDP"}],"home":{"harbour":"h"},"size":"big","extra":{"a":{"b":[1]}},"template":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"}}}`

// FuzzWrite: whatever is patched, applied or put onto a live object is done or refused; the
// server is never at fault, and the object can be read and written after it.
func FuzzWrite(f *testing.F) {
	head := `{"apiVersion":"test.powernode.io/v1","kind":"Fleet","metadata":{"name":"a"`
	for _, seed := range [][2]string{
		{jsonPatch, `[{"op":"add","path":"/spec/flags/-","value":"c"},{"op":"remove","path":"/spec/ports/0"},{"op":"copy","from":"/spec","path":"/spec/extra"}]`},
		{jsonPatch, `[{"op":"replace","path":"/metadata/managedFields","value":[{"manager":"m","operation":"Apply","apiVersion":"test.powernode.io/v1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:ports":{"k:{\"number\":1}":{}},"f:flags":{"v:\"a\"":{}}}}}]}]`},
		{mergePatch, `{"spec":{"ports":[{"number":2}],"home":null,"template":{"metadata":{"labels":{"a":null}}}},"metadata":{"managedFields":[{}],"finalizers":["x/y"]}}`},
		{mergePatch, `{"spec":{"extra":{"a":[[[{"b":1e400}]]]},"size":9223372036854775808}}`},
		{applyPatch, head + `},"spec":{"ports":[{"number":1,"protocol":"UDP","name":"u"}],"flags":["z"],"extra":{"q":1}}}`},
		{applyPatch, head + `},"spec":{"ports":[{"number":1},{"number":1}],"flags":["z","z"],"template":null}}`},
		{applyPatch, "apiVersion: test.powernode.io/v1\nkind: Fleet\nmetadata: {name: a}\nspec: {ports: [{number: 1.5}], flags: [1, true, null]}\n"},
		{jsonMedia, head + `},"spec":{"ships":4}}`},
		{yamlMedia, "metadata: {name: a}\nspec: &a {extra: {b: 1}}\n"},
	} {
		f.Add(seed[0], seed[1])
	}
	d := startDirect(f)
	leakless := leaktest.Watch(f)
	f.Fuzz(func(t *testing.T, media, body string) {
		defer leakless(t)
		d := direct{t, d.server}
		d.send("DELETE", fleets+"/a", jsonMedia, "")
		d.send("PATCH", fleets+"/a", mergePatch, `{"metadata":{"finalizers":null}}`)
		if got := d.send("POST", fleets, jsonMedia, fleetBody("a", fuzzedFleet)); got.code != 201 {
			t.Fatalf("create: %s", got)
		}
		method := "PATCH"
		if media == jsonMedia || media == yamlMedia {
			method = "PUT"
		}
		got := d.send(method, fleets+"/a?fieldManager=fuzz&force="+map[bool]string{true: "true", false: ""}[media == applyPatch], media, body)
		if got.code >= 500 || !json.Valid([]byte(got.body)) {
			t.Fatalf("%s %q: %s", media, body, got)
		}
		if after := d.send("GET", fleets+"/a", jsonMedia, ""); after.code != 200 || !json.Valid([]byte(after.body)) {
			t.Fatalf("%s %q: after it: %s", media, body, after)
		}
		again := d.send("PATCH", fleets+"/a?fieldManager=other", applyPatch, head+`},"spec":{"route":["x"]}}`)
		if again.code >= 500 {
			t.Fatalf("%s %q: an apply after it: %s", media, body, again)
		}
	})
}

// FuzzTypedWrite: the same for protobuf bodies, strategic patches and a built-in kind.
func FuzzTypedWrite(f *testing.F) {
	const path, proto = configs + "/c", "application/vnd.kubernetes.protobuf"
	f.Add(proto, "k8s\x00\n\x0f\n\x02v1\x12\tConfigMap\x12\x0f\n\x05\n\x01c\x1a\x00\x12\x06\n\x01k\x12\x01v\x1a\x00\"\x00")
	f.Add(strategic, `{"data":{"a":null,"$patch":"replace"},"metadata":{"finalizers":["x/y"],"$setElementOrder/finalizers":["x/y"]}}`)
	f.Add(strategic, `{"metadata":{"ownerReferences":[{"$patch":"delete","uid":"u"}],"$deleteFromPrimitiveList/finalizers":["x/y"],"managedFields":[{}]}}`)
	f.Add(applyPatch, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u"}]},"data":{"a":"2"}}`)
	d := startDirect(f)
	leakless := leaktest.Watch(f)
	f.Fuzz(func(t *testing.T, media, body string) {
		defer leakless(t)
		d := direct{t, d.server}
		d.send("PATCH", path, mergePatch, `{"metadata":{"finalizers":null}}`)
		d.send("DELETE", path, jsonMedia, "")
		if got := d.send("POST", configs, jsonMedia, `{"metadata":{"name":"c","finalizers":["x/y"]},"data":{"a":"1"}}`); got.code != 201 {
			t.Fatalf("create: %s", got)
		}
		method := "PATCH"
		if media == proto {
			method = "PUT"
		}
		got := d.send(method, path+"?fieldManager=fuzz", media, body)
		if got.code >= 500 || !json.Valid([]byte(got.body)) {
			t.Fatalf("%s %q: %s", media, body, got)
		}
		if after := d.send("GET", path, jsonMedia, ""); after.code != 200 && after.code != 404 {
			t.Fatalf("%s %q: after it: %s", media, body, after)
		}
	})
}
