package server_test

import (
	"testing"

	openapiv2 "github.com/google/gnostic-models/openapiv2"
	"google.golang.org/protobuf/proto"
)

func TestOpenAPIv2IsServedInTheFormThatIsAskedFor(t *testing.T) {
	h := start(t)
	doc := h.want(h.get("/openapi/v2", "Accept", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"), 200)
	if got := doc.header.Get("Content-Type"); got != "application/com.github.proto-openapi.spec.v2.v1.0+protobuf" {
		t.Errorf("Content-Type %s", got)
	}
	parsed := &openapiv2.Document{}
	if err := proto.Unmarshal([]byte(doc.body), parsed); err != nil || len(parsed.GetPaths().GetPath()) == 0 {
		t.Errorf("%d paths, %v", len(parsed.GetPaths().GetPath()), err)
	}
	plain := h.want(h.get("/openapi/v2", "Accept", "application/json"), 200)
	if got := plain.json(t)["swagger"]; got != "2.0" {
		t.Errorf("swagger %v", got)
	}
	contains(t, "/openapi/v2", plain.body, `"io.powernode.test.v1.Widget"`, "How large it is.")
}
