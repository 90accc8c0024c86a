package server_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/server"
)

const tableAccept = "application/json;as=Table;v=v1;g=meta.k8s.io"

func TestListIsOneDocumentOfTheKind(t *testing.T) {
	h := start(t)
	empty := h.want(h.get(widgets), 200)
	contains(t, "empty list", empty.body, `"kind":"WidgetList"`, `"apiVersion":"test.powernode.io/v1"`, `"items":[]`, `"resourceVersion":"`)
	h.widget("b", 1)
	h.widget("a", 2)
	var list struct {
		Metadata metav1.ListMeta
		Items    []*api.Object
	}
	if err := json.Unmarshal([]byte(h.get(widgets).body), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 2 || list.Items[0].Name != "a" || list.Items[0].Kind != "Widget" || list.Items[0].APIVersion != "test.powernode.io/v1" {
		t.Errorf("got %+v", list)
	}
}

func TestPagesAreOfOneRevision(t *testing.T) {
	h := start(t)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		h.widget(name, 1)
	}
	type list struct {
		Metadata metav1.ListMeta
		Items    []*api.Object
	}
	page := func(query string) list {
		var l list
		if err := json.Unmarshal([]byte(h.want(h.get(widgets+"?limit=2"+query), 200).body), &l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	first := page("")
	if first.Metadata.RemainingItemCount == nil || *first.Metadata.RemainingItemCount != 3 || len(first.Items) != 2 {
		t.Fatalf("first page: %+v", first)
	}
	h.want(h.do("DELETE", widgets+"/d", ""), 200)
	h.widget("bb", 1)
	names := ""
	for l := first; ; l = page("&continue=" + l.Metadata.Continue) {
		for _, o := range l.Items {
			names += o.Name + " "
		}
		if l.Metadata.ResourceVersion != first.Metadata.ResourceVersion {
			t.Errorf("a page of revision %s, not %s", l.Metadata.ResourceVersion, first.Metadata.ResourceVersion)
		}
		if l.Metadata.Continue == "" {
			break
		}
	}
	if names != "a b c d e " {
		t.Errorf("got %s", names)
	}
}

func TestTables(t *testing.T) {
	h := start(t)
	h.widget("a", 5)
	table := h.want(h.get(widgets, "Accept", tableAccept+",application/json"), 200)
	if got := table.header.Get("Content-Type"); got != "application/json;as=Table;g=meta.k8s.io;v=v1" {
		t.Errorf("Content-Type %s", got)
	}
	contains(t, "table", table.body, `"kind":"Table"`, `"name":"Name","type":"string","format":"name"`, `"priority":1`, `"cells":["a",5,null,"red",`, `"kind":"PartialObjectMetadata"`)
	for include, want := range map[string]string{"Object": `"object":{"apiVersion":"test.powernode.io/v1"`, "None": `"rows":[{"cells":`} {
		got := h.want(h.get(widgets+"?includeObject="+include, "Accept", tableAccept), 200)
		contains(t, include, got.body, want)
		if include == "None" && strings.Contains(got.body, `"object"`) {
			t.Errorf("includeObject=None has an object: %s", got)
		}
	}
	contains(t, "one", h.want(h.get(widgets+"/a", "Accept", tableAccept), 200).body, `"kind":"Table"`, `"cells":["a",5`)
	h.refused(h.get(widgets+"?includeObject=All", "Accept", tableAccept), 400, metav1.StatusReasonBadRequest, "includeObject")
	none := h.want(h.get("/api/v1/secrets", "Accept", tableAccept), 200)
	contains(t, "no rows", none.body, `"rows":[]`)
}

func TestMetadataAlone(t *testing.T) {
	h := start(t)
	h.widget("a", 5)
	list := h.want(h.get(widgets, "Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"), 200)
	contains(t, "list", list.body, `"kind":"PartialObjectMetadataList"`, `"kind":"PartialObjectMetadata"`, `"name":"a"`)
	one := h.want(h.get(widgets+"/a", "Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"), 200)
	if strings.Contains(one.body, `"spec":`) || strings.Contains(list.body, `"spec":`) {
		t.Errorf("more than metadata: %s %s", one, list)
	}
}

func TestFormats(t *testing.T) {
	h := start(t)
	h.widget("a", 5)
	contains(t, "yaml", h.want(h.get(widgets+"/a", "Accept", "application/yaml"), 200).body, "kind: Widget\n", "size: 5\n")
	h.refused(h.get(widgets, "Accept", "application/vnd.kubernetes.protobuf"), 406, metav1.StatusReasonNotAcceptable, "application/json")
	h.refused(h.get(widgets+"?watch=1", "Accept", "application/yaml"), 406, metav1.StatusReasonNotAcceptable, "text/event-stream")
	h.refused(h.get(widgets+"?watch=0", "Accept", "text/event-stream"), 406, metav1.StatusReasonNotAcceptable, "application/yaml")
	h.refused(h.get(widgets+"/a", "Accept", "text/event-stream"), 406, metav1.StatusReasonNotAcceptable, "application/json")
}

func TestLargeAnswersAreCompressed(t *testing.T) {
	h := start(t)
	big := strings.Repeat("x", 100<<10)
	for n := range 2 {
		h.want(h.post("/api/v1/namespaces/default/configmaps", fmt.Sprintf(`{"metadata":{"name":"c%d"},"data":{"k":%q}}`, n, big)), 201)
	}
	const path = "/api/v1/configmaps"
	plain := h.want(h.get(path), 200)
	if plain.header.Get("Content-Encoding") != "" || h.get(path+"?limit=1", "Accept-Encoding", "gzip").header.Get("Content-Encoding") != "" {
		t.Error("compressed without need")
	}
	zipped := h.want(h.get(path, "Accept-Encoding", "deflate, gzip;q=1.0"), 200)
	if zipped.header.Get("Content-Encoding") != "gzip" || len(zipped.body) > 10<<10 {
		t.Fatalf("not compressed: %d bytes", len(zipped.body))
	}
	r, err := gzip.NewReader(strings.NewReader(zipped.body))
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := io.ReadAll(r); err != nil || string(raw) != plain.body {
		t.Errorf("not the same list: %v", err)
	}
}

func TestSelectors(t *testing.T) {
	h := start(t)
	h.want(h.post(widgets, `{"metadata":{"name":"a","labels":{"x":"1"}},"spec":{"size":1,"colour":"blue"}}`), 201)
	h.want(h.post(widgets, `{"metadata":{"name":"b","labels":{"x":"2"}},"spec":{"size":1}}`), 201)
	for query, want := range map[string]string{
		"labelSelector=x%3D1":                              "a",
		"labelSelector=x+in+(1,2)":                         "a b",
		"labelSelector=!x":                                 "",
		"fieldSelector=spec.colour%3Dred":                  "b",
		"fieldSelector=metadata.name!%3Da":                 "b",
		"fieldSelector=metadata.namespace%3Ddefault":       "a b",
		"fieldSelector=spec.colour%3Dblue&labelSelector=x": "a",
	} {
		var list struct{ Items []*api.Object }
		if err := json.Unmarshal([]byte(h.want(h.get(allWidgets+"?"+query), 200).body), &list); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, o := range list.Items {
			names = append(names, o.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	h.refused(h.get(widgets+"?labelSelector=x+in+"), 400, metav1.StatusReasonBadRequest, "labelSelector")
	h.refused(h.get(widgets+"?fieldSelector=x"), 400, metav1.StatusReasonBadRequest, "fieldSelector")
	h.refused(h.get(widgets+"?fieldSelector=spec.size%3D1"), 400, metav1.StatusReasonBadRequest, "field label not supported: spec.size")
	h.refused(h.get(widgets+"?watch=1&fieldSelector=spec.size%3D1"), 400, metav1.StatusReasonBadRequest, "field label not supported: spec.size")
}

func TestResourceVersionsOfReads(t *testing.T) {
	h := start(t)
	a := h.widget("a", 1)
	h.want(h.merge(widgets+"/a", `{"spec":{"size":2}}`), 200)
	rv := a.ResourceVersion
	for query, size := range map[string]string{
		"": `"size":2`, "resourceVersion=0": `"size":2`, "resourceVersion=" + rv: `"size":2`,
		"resourceVersion=" + rv + "&resourceVersionMatch=NotOlderThan": `"size":2`,
		"resourceVersion=" + rv + "&resourceVersionMatch=Exact":        `"size":1`,
		"resourceVersion=" + rv + "&limit=1":                           `"size":1`,
	} {
		contains(t, query, h.want(h.get(widgets+"?"+query), 200).body, size)
	}
	contains(t, "get", h.want(h.get(widgets+"/a?resourceVersion="+rv), 200).body, `"size":2`)
	for query, code := range map[string]int{
		"resourceVersionMatch=Exact":                                422,
		"resourceVersion=0&resourceVersionMatch=Exact":              422,
		"resourceVersion=1&resourceVersionMatch=Other":              422,
		"sendInitialEvents=true":                                    422,
		"watch=1&sendInitialEvents=true":                            422,
		"watch=1&resourceVersionMatch=Exact":                        422,
		"resourceVersion=x":                                         400,
		"resourceVersion=-1":                                        400,
		"watch=1&resourceVersion=x":                                 400,
		"limit=x":                                                   400,
		"limit=-1":                                                  400,
		"timeoutSeconds=x&watch=1":                                  400,
		"continue=x":                                                400,
		"continue=e30":                                              400,
		"continue=" + "eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ":              400,
		"limit=1&continue=e30&resourceVersion=5":                    400,
		"watch=1&resourceVersion=99999&allowWatchBookmarks=perhaps": 400,
	} {
		if got := h.get(widgets + "?" + query); got.code != code {
			t.Errorf("%s: got %s, want %d", query, got, code)
		}
	}
}

func TestARevisionThatIsStillToCome(t *testing.T) {
	h := start(t)
	h.widget("a", 1)
	for _, path := range []string{widgets, widgets + "/a"} {
		got := h.get(path + "?resourceVersion=99999")
		st := h.refused(got, 504, metav1.StatusReasonTimeout, "Too large resource version")
		if len(st.Details.Causes) != 1 || st.Details.Causes[0].Type != metav1.CauseTypeResourceVersionTooLarge || got.header.Get("Retry-After") != "1" {
			t.Errorf("%s: got %s %v", path, got, got.header)
		}
	}
}

func TestAPageOfARevisionThatIsGone(t *testing.T) {
	gone := &flakyStore{}
	h := start(t, func(c *server.Config) { gone.Store, c.Store = c.Store, gone })
	for _, name := range []string{"a", "b", "c"} {
		h.widget(name, 1)
	}
	meta := h.get(widgets + "?limit=1").json(t)["metadata"].(map[string]any)
	gone.expired.Store(true)
	st := h.refused(h.get(widgets+"?limit=1&continue="+meta["continue"].(string)), 410, metav1.StatusReasonExpired, "continue")
	gone.expired.Store(false)
	rest := h.want(h.get(widgets+"?limit=5&continue="+st.Continue), 200)
	contains(t, "the rest", rest.body, `"name":"b"`, `"name":"c"`)
	if strings.Contains(rest.body, `"name":"a"`) {
		t.Errorf("starts again: %s", rest)
	}
}
