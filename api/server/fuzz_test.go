package server

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/leaktest"
	"github.com/powernode/powernode/schemas"
	"github.com/powernode/powernode/store"
)

// FuzzContinue: what was decoded encodes to the same place, and nothing else panics.
func FuzzContinue(f *testing.F) {
	f.Add(encodeContinue("Secret/a", store.Cursor{Revision: 12, Namespace: "default", Name: "a"}))
	f.Add(encodeContinue("Secret/a", store.Cursor{Revision: latest, Name: "a"}))
	f.Add("eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MTIsInN0YXJ0IjoicDJcdTAwMDAifQ")
	leakless := leaktest.Watch(f)
	f.Fuzz(func(t *testing.T, token string) {
		defer leakless(t)
		c, err := decodeContinue("Secret/a", token)
		if err != nil {
			return
		}
		if again, err := decodeContinue("Secret/a", encodeContinue("Secret/a", c)); err != nil || again != c {
			t.Errorf("%+v became %+v, %v", c, again, err)
		}
	})
}

// FuzzListOptions: any query is read or refused.
func FuzzListOptions(f *testing.F) {
	f.Add("labelSelector=a%3Db,c+in+(d,e)&fieldSelector=metadata.name%3Dx,spec.colour!%3Dred&limit=5", false)
	f.Add("watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=1&timeoutSeconds=9", true)
	kind := fuzzKind(f)
	leakless := leaktest.Watch(f)
	f.Fuzz(func(t *testing.T, query string, watch bool) {
		defer leakless(t)
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		o, err := listOptions(q, watch)
		if err != nil {
			return
		}
		obj := &api.Object{}
		if _, err := fieldsOf(kind, o.FieldSelector); err == nil {
			o.FieldSelector.Matches(kind.FieldSet(obj))
		}
	})
}

// FuzzWebSocketProtocols: any header is taken apart or refused, and a token is only what was sent as one.
func FuzzWebSocketProtocols(f *testing.F) {
	f.Add("base64url.bearer.authorization.k8s.io.YWJj, v1.powernode.io")
	f.Add(" , base64url.bearer.authorization.k8s.io.,x")
	leakless := leaktest.Watch(f)
	f.Fuzz(func(t *testing.T, header string) {
		defer leakless(t)
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set(protocolHeader, header)
		offered, token, err := subprotocols(r)
		if token != "" && (err != nil || !strings.Contains(header, tokenProtocol)) || token != "" && len(offered) == 0 {
			t.Errorf("%q gave %q, %q, %v", header, offered, token, err)
		}
	})
}

// FuzzPath: a path is taken apart so that its parts make it again.
func FuzzPath(f *testing.F) {
	f.Add("/api/v1/watch/namespaces/default/pods/p")
	f.Add("/apis/test.powernode.io/v1/namespaces/default/widgets/a/status/x/y/")
	leakless := leaktest.Watch(f)
	f.Fuzz(func(t *testing.T, path string) {
		defer leakless(t)
		p, ok := parsePath(path)
		if !ok || p.resource == "" || strings.Contains(path, "//") { // which name nothing
			return
		}
		again, ok := parsePath(p.path())
		if !ok || again != p {
			t.Errorf("%q gave %+v, and that %+v", path, p, again)
		}
	})
}

// path is the path that names the target.
func (t target) path() string {
	path := groupVersion{t.group, t.version}.path()
	if t.watching {
		path += "/watch"
	}
	if t.namespace != "" {
		path += "/namespaces/" + t.namespace
	}
	for _, part := range []string{t.resource, t.name, t.subresource, t.rest} {
		if part != "" {
			path += "/" + part
		}
	}
	return "/" + path
}

// FuzzPatch: a patch gives a JSON document or an error.
func FuzzPatch(f *testing.F) {
	for _, media := range []string{"application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json"} {
		for _, body := range []string{
			`[{"op":"add","path":"/data/-","value":1},{"op":"copy","from":"/data","path":"/data/x"}]`, `[{"op":"move","from":"/a","path":"/data"}]`, `[{"op":"test","path":""}]`,
			`{"data":{"a":null,"$patch":"replace"}}`, `{"metadata":{"finalizers":["x"],"$setElementOrder/finalizers":["x","y"],"$deleteFromPrimitiveList/finalizers":["a"]}}`, `{"$retainKeys":["data"]}`, `null`,
		} {
			f.Add(media, body)
		}
	}
	limitCopies()
	types, err := newTyped()
	if err != nil {
		f.Fatal(err)
	}
	s := &Server{typed: types}
	live := []byte(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","finalizers":["x/a"],"ownerReferences":[{"uid":"1","name":"o"}]},"data":{"a":"1"}}`)
	kind := fuzzKind(f)
	leakless := leaktest.Watch(f)
	f.Fuzz(func(t *testing.T, media, body string) {
		defer leakless(t)
		r := &request{kind: kind, http: httptest.NewRequest("PATCH", "/", nil)}
		r.http.Header.Set("Content-Type", media)
		apply, _, err := s.patcher(r, []byte(body))
		if err != nil {
			return
		}
		after, err := guarded("patch", func() ([]byte, error) { return apply(live) })
		if err == nil && !json.Valid(after) {
			t.Errorf("%s %s gave %s", media, body, after)
		}
	})
}

// FuzzProtobuf: a body gives JSON or an error.
func FuzzProtobuf(f *testing.F) {
	f.Add([]byte("k8s\x00\n\x0f\n\x02v1\x12\tNamespace\x12\x08\n\x06\n\x04demo\x1a\x00\"\x00"))
	types, err := newTyped()
	if err != nil {
		f.Fatal(err)
	}
	kind := fuzzKind(f)
	leakless := leaktest.Watch(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		defer leakless(t)
		r := &request{kind: kind}
		if data, err := types.json(body, r.gvk()); err == nil && !json.Valid(data) {
			t.Errorf("gave %s", data)
		}
	})
}

func fuzzKind(t testing.TB) *schemas.Kind {
	doc, err := os.ReadFile("../../schemas/core/configmaps.yaml")
	if err != nil {
		t.Fatal(err)
	}
	kind, err := schemas.Parse(doc)
	if err != nil {
		t.Fatal(err)
	}
	return kind
}
