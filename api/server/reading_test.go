package server_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	metaAccept     = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
	metaListAccept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
)

// asked is a request and what a Kubernetes API server answers to it.
type asked struct {
	method, path string
	header       []string // pairs
	code         int
	reason       metav1.StatusReason // of an error
	contentType  string              // application/json when empty
	has          []string            // parts of the body
	not          []string
}

func (a asked) String() string { return fmt.Sprintf("%s %s %v", a.method, a.path, a.header) }

func (a asked) check(h *harness) {
	h.Helper()
	got := h.do(a.method, a.path, "", a.header...)
	if want := a.contentType; got.header.Get("Content-Type") != want && want != "" || want == "" && got.header.Get("Content-Type") != "application/json" {
		h.Errorf("%s: Content-Type %s, want %s", a, got.header.Get("Content-Type"), want)
	}
	if got.code != a.code {
		h.Errorf("%s: got %s, want %d", a, got, a.code)
		return
	}
	if a.reason != "" && a.method != "HEAD" {
		if st := got.status(h); st.Reason != a.reason || st.Status != "Failure" || int(st.Code) != a.code || st.Message == "" {
			h.Errorf("%s: got %+v, want %s", a, st, a.reason)
		}
	}
	for _, part := range a.has {
		if !strings.Contains(got.body, part) {
			h.Errorf("%s: no %s in %s", a, part, got)
		}
	}
	for _, part := range a.not {
		if strings.Contains(got.body, part) {
			h.Errorf("%s: %s in %s", a, part, got)
		}
	}
}

func accept(media string) []string { return []string{"Accept", media} }

func TestReadingCaseByCase(t *testing.T) {
	h := start(t)
	empty := []asked{
		{"GET", widgets, nil, 200, "", "", []string{`"kind":"WidgetList"`, `"items":[]`}, []string{"continue", "remaining"}},
		{"GET", widgets, accept(tableAccept), 200, "", "application/json;as=Table;g=meta.k8s.io;v=v1", []string{`"columnDefinitions":[{"name":"Name","type":"string","format":"name"`, `"rows":[]`}, nil},
		{"GET", widgets, accept(metaListAccept), 200, "", metaListAccept, []string{`"kind":"PartialObjectMetadataList"`, `"items":[]`}, nil},
		{"GET", widgets, accept("application/yaml"), 200, "", "application/yaml", []string{"items: []\n"}, nil},
	}
	for _, c := range empty {
		c.check(h)
	}
	a := h.widget("a", 5)
	h.widget("b", 6)
	for _, c := range []asked{
		// forms
		{"GET", widgets + "/a", accept(tableAccept), 200, "", "application/json;as=Table;g=meta.k8s.io;v=v1", []string{`"kind":"Table"`, `"apiVersion":"meta.k8s.io/v1"`, `"cells":["a",5,null,"red",`, `"kind":"PartialObjectMetadata"`}, []string{`"spec"`}},
		{"GET", widgets + "/a?includeObject=Object", accept(tableAccept), 200, "", "application/json;as=Table;g=meta.k8s.io;v=v1", []string{`"kind":"Widget"`, `"spec"`}, nil},
		{"GET", widgets + "?includeObject=None", accept(tableAccept), 200, "", "application/json;as=Table;g=meta.k8s.io;v=v1", []string{`"rows":[{"cells":["a",5,`}, []string{`"object"`}},
		{"GET", widgets + "?includeObject=Some", accept(tableAccept), 400, metav1.StatusReasonBadRequest, "", []string{"includeObject", "Metadata"}, nil},
		{"GET", widgets + "?includeObject=Some", nil, 200, "", "", nil, nil}, // means nothing here
		{"GET", widgets, accept("application/json;as=Table;v=v1beta1;g=meta.k8s.io"), 200, "", "application/json;as=Table;g=meta.k8s.io;v=v1beta1", []string{`"apiVersion":"meta.k8s.io/v1beta1"`}, []string{"meta.k8s.io/v1\""}},
		{"GET", widgets, accept("application/json;as=Table;v=v2;g=meta.k8s.io, application/json"), 200, "", "", []string{`"kind":"WidgetList"`}, nil},
		{"GET", widgets, accept("application/json;as=Table;v=v1;g=other.io"), 406, metav1.StatusReasonNotAcceptable, "", []string{"other.io", "application/json"}, nil},
		{"GET", widgets, accept("application/json;as=Chart;v=v1;g=meta.k8s.io"), 406, metav1.StatusReasonNotAcceptable, "", []string{"Chart"}, nil},
		{"GET", widgets + "/a", accept(metaListAccept), 406, metav1.StatusReasonNotAcceptable, "", []string{"PartialObjectMetadataList"}, nil},
		{"GET", widgets + "/a", accept(metaAccept), 200, "", metaAccept, []string{`"kind":"PartialObjectMetadata"`, `"uid":"` + string(a.UID)}, []string{`"spec"`}},
		{"GET", widgets, accept("application/vnd.kubernetes.protobuf, */*"), 200, "", "", []string{`"kind":"WidgetList"`}, nil},
		{"GET", widgets, accept("application/vnd.kubernetes.protobuf"), 406, metav1.StatusReasonNotAcceptable, "", []string{"application/vnd.kubernetes.protobuf", "application/json"}, nil},
		{"GET", "/api/v1/namespaces", accept("application/vnd.kubernetes.protobuf,application/json"), 200, "", "", []string{`"kind":"NamespaceList"`}, nil},
		{"GET", widgets, accept("text/html"), 406, metav1.StatusReasonNotAcceptable, "", []string{"text/html"}, nil},
		{"GET", widgets, accept("text/html;q=0.9, */*;q=0.1"), 200, "", "", nil, nil},
		{"GET", widgets, accept("application/json;q=0.1, application/yaml"), 200, "", "application/yaml", []string{"kind: WidgetList\n"}, nil},
		{"GET", widgets + "?pretty=true", nil, 200, "", "", []string{"{\n  \"kind\": \"WidgetList\""}, nil},
		{"GET", widgets + "/a?pretty=1", nil, 200, "", "", []string{"\n    \"name\": \"a\""}, nil},
		{"GET", widgets + "/a?pretty=false&exact=true&export=1&nonsense=%00", nil, 200, "", "", []string{`"name":"a"`}, nil},
		// paths
		{"GET", widgets + "/", nil, 200, "", "", []string{`"kind":"WidgetList"`}, nil},
		{"GET", widgets + "/a/", nil, 200, "", "", []string{`"kind":"Widget"`}, nil},
		{"GET", widgets + "//a", nil, 404, metav1.StatusReasonNotFound, "", []string{"could not find the requested resource"}, nil},
		{"GET", widgets + "/a/nothing", nil, 404, metav1.StatusReasonNotFound, "", []string{"could not find the requested resource"}, nil},
		{"GET", widgets + "/a/status", nil, 200, "", "", []string{`"kind":"Widget"`}, nil},
		{"GET", widgets + "/nobody", nil, 404, metav1.StatusReasonNotFound, "", []string{`widgets.test.powernode.io \"nobody\" not found`, `"details":{"name":"nobody","group":"test.powernode.io","kind":"widgets"}`}, nil},
		{"GET", "/api/v1/namespaces/default/configmaps/none", nil, 404, metav1.StatusReasonNotFound, "", []string{`configmaps \"none\" not found`, `"details":{"name":"none","kind":"configmaps"}`}, nil},
		{"GET", allWidgets + "/a", nil, 404, metav1.StatusReasonNotFound, "", []string{"could not find the requested resource"}, nil},
		{"GET", "/api/v1/namespaces/default/namespaces", nil, 404, metav1.StatusReasonNotFound, "", nil, nil},
		{"GET", "/api/v1/namespaces/nowhere/configmaps", nil, 200, "", "", []string{`"items":[]`}, nil},
		{"GET", "/apis/test.powernode.io/v9/widgets", nil, 404, metav1.StatusReasonNotFound, "", nil, nil},
		{"GET", "/apis/nowhere.io/v1/widgets", nil, 404, metav1.StatusReasonNotFound, "", nil, nil},
		{"GET", "/api/v2/pods", nil, 404, metav1.StatusReasonNotFound, "", nil, nil},
		{"GET", "/nowhere", nil, 404, metav1.StatusReasonNotFound, "", nil, nil},
		{"OPTIONS", widgets, nil, 405, metav1.StatusReasonMethodNotAllowed, "", nil, nil},
		{"HEAD", widgets, nil, 405, metav1.StatusReasonMethodNotAllowed, "", nil, nil},
		{"POST", widgets + "/a", nil, 405, metav1.StatusReasonMethodNotAllowed, "", nil, nil},
		{"PUT", widgets, nil, 405, metav1.StatusReasonMethodNotAllowed, "", nil, nil},
		{"POST", allWidgets, nil, 405, metav1.StatusReasonMethodNotAllowed, "", nil, nil},
		{"DELETE", allWidgets, nil, 405, metav1.StatusReasonMethodNotAllowed, "", nil, nil},
		{"PROPFIND", widgets, nil, 405, metav1.StatusReasonMethodNotAllowed, "", nil, nil},
		// selectors
		{"GET", widgets + "?labelSelector=a+in", nil, 400, metav1.StatusReasonBadRequest, "", []string{"labelSelector"}, nil},
		{"GET", widgets + "?labelSelector=-a%3D1", nil, 400, metav1.StatusReasonBadRequest, "", []string{"labelSelector"}, nil},
		{"GET", widgets + "?fieldSelector=a", nil, 400, metav1.StatusReasonBadRequest, "", []string{"fieldSelector"}, nil},
		{"GET", widgets + "?fieldSelector=spec.replicas%3D1", nil, 400, metav1.StatusReasonBadRequest, "", []string{"field label not supported: spec.replicas"}, nil},
		{"GET", "/api/v1/namespaces?fieldSelector=metadata.name%3Ddefault,metadata.namespace%3D", nil, 200, "", "", []string{`"name":"default"`}, nil},
		// continue tokens
		{"GET", widgets + "?limit=1", nil, 200, "", "", []string{`"continue":"`, `"remainingItemCount":1`}, []string{`"name":"b"`}},
		{"GET", widgets + "?limit=1", accept(tableAccept), 200, "", "application/json;as=Table;g=meta.k8s.io;v=v1", []string{`"continue":"`, `"remainingItemCount":1`}, []string{`"b"`}},
		{"GET", widgets + "?limit=1&labelSelector=!x", nil, 200, "", "", []string{`"continue":"`}, []string{"remainingItemCount"}},
		{"GET", widgets + "?limit=1&fieldSelector=spec.colour%3Dred", nil, 200, "", "", []string{`"continue":"`}, []string{"remainingItemCount"}},
		{"GET", widgets + "?limit=2", nil, 200, "", "", nil, []string{"continue", "remainingItemCount"}},
		{"GET", widgets + "?limit=0", nil, 200, "", "", []string{`"name":"b"`}, []string{"continue"}},
		{"GET", widgets + "?limit=1&continue=garbage", nil, 400, metav1.StatusReasonBadRequest, "", []string{"continue key is not valid"}, nil},
		{"GET", widgets + "?limit=1&continue=%C3%BC", nil, 400, metav1.StatusReasonBadRequest, "", []string{"continue key is not valid"}, nil},
	} {
		c.check(h)
	}
	if head := h.do("HEAD", widgets, ""); head.body != "" {
		t.Errorf("a body after HEAD: %s", head)
	}
	if vary := h.get(widgets).header.Get("Vary"); !strings.Contains(vary, "Accept-Encoding") {
		t.Errorf("Vary: %s", vary)
	}
}

func TestAContinueTokenIsForItsListAlone(t *testing.T) {
	h := start(t)
	for _, name := range []string{"a", "b", "c"} {
		h.widget(name, 1)
		h.want(h.post("/api/v1/namespaces/default/configmaps", fmt.Sprintf(`{"metadata":{"name":%q}}`, name)), 201)
	}
	token := func(path string) string {
		return url.QueryEscape(h.want(h.get(path+"?limit=1"), 200).json(t)["metadata"].(map[string]any)["continue"].(string))
	}
	of := token(widgets)
	for _, other := range []string{allWidgets, "/apis/test.powernode.io/v1/namespaces/other/widgets", "/api/v1/namespaces/default/configmaps"} {
		h.refused(h.get(other+"?continue="+of), 400, metav1.StatusReasonBadRequest, "that of another list")
	}
	for _, form := range []string{tableAccept, "application/json", metaListAccept, "application/yaml"} { // the form may change between pages
		contains(t, form, h.want(h.get(widgets+"?continue="+of, "Accept", form), 200).body, "b", "c")
	}
	rest := h.want(h.get(widgets+"?limit=1&continue="+of, "Accept", tableAccept), 200)
	contains(t, "a page of a table", rest.body, `"cells":["b",1`, `"remainingItemCount":1`)
	h.refused(h.get(widgets+"?continue="+of+"&resourceVersionMatch=Exact&resourceVersion=1"), 422, metav1.StatusReasonInvalid, "resourceVersionMatch")
	contains(t, "all namespaces", h.want(h.get(allWidgets+"?limit=5&continue="+token(allWidgets)), 200).body, `"name":"c"`)
}

func TestEveryOperatorOfSelectors(t *testing.T) {
	h := start(t)
	for i, labels := range []string{`{}`, `{"x":"1"}`, `{"x":"2"}`, `{"x":"30","y":""}`, `{"example.com/z":"a.b-c_d"}`} {
		h.want(h.post(widgets, fmt.Sprintf(`{"metadata":{"name":"w%d","labels":%s},"spec":{"size":1,"colour":%q}}`, i, labels, []string{"red", "blue"}[i%2])), 201)
	}
	for selector, want := range map[string]string{
		"":                         "w0 w1 w2 w3 w4",
		"x":                        "w1 w2 w3",
		"!x":                       "w0 w4",
		"x=1":                      "w1",
		"x==1":                     "w1",
		"x!=1":                     "w0 w2 w3 w4",
		"x in (1,2)":               "w1 w2",
		"x notin (1,2)":            "w0 w3 w4",
		"x notin (1,2),x":          "w3",
		"x>1":                      "w2 w3",
		"x<3":                      "w1 w2",
		"y=":                       "w3",
		"example.com/z=a.b-c_d":    "w4",
		" x in ( 1 , 2 ) , x != 2": "w1",
	} {
		h.names("labelSelector", selector, want)
	}
	for selector, want := range map[string]string{
		"metadata.name=w1":                             "w1",
		"metadata.name==w1":                            "w1",
		"metadata.name!=w1":                            "w0 w2 w3 w4",
		"metadata.namespace=default":                   "w0 w1 w2 w3 w4",
		"metadata.namespace=other":                     "",
		"spec.colour=blue":                             "w1 w3",
		"spec.colour!=blue,metadata.name!=w0":          "w2 w4",
		"status.phase=":                                "w0 w1 w2 w3 w4",
		"spec.colour=red,metadata.name=w2":             "w2",
		`metadata.name=a\,b`:                           "",
		"metadata.name=w1,metadata.namespace!=default": "",
	} {
		h.names("fieldSelector", selector, want)
	}
}

func (h *harness) names(parameter, selector, want string) {
	h.Helper()
	var list struct {
		Items []struct{ Metadata metav1.ObjectMeta }
	}
	got := h.want(h.get(widgets+"?"+parameter+"="+url.QueryEscape(selector)), 200)
	if err := json.Unmarshal([]byte(got.body), &list); err != nil {
		h.Fatal(err)
	}
	var names []string
	for _, o := range list.Items {
		names = append(names, o.Metadata.Name)
	}
	if strings.Join(names, " ") != want {
		h.Errorf("%s=%s: got %v, want %s", parameter, selector, names, want)
	}
}

// Clients that show events select them by these fields.
func TestEventsBySelectableFields(t *testing.T) {
	h := start(t)
	const path = "/api/v1/namespaces/default/events"
	h.want(h.post(path, `{"metadata":{"name":"one"},"involvedObject":{"kind":"Widget","namespace":"default","name":"w","uid":"u","apiVersion":"test.powernode.io/v1","resourceVersion":"7","fieldPath":"spec.x"},
		"reason":"Painted","type":"Normal","reportingComponent":"painter","source":{"component":"painter"}}`), 201)
	h.want(h.post(path, `{"metadata":{"name":"two"},"involvedObject":{"namespace":"default"}}`), 201)
	for field, value := range map[string]string{
		"involvedObject.kind": "Widget", "involvedObject.name": "w", "involvedObject.uid": "u", "involvedObject.apiVersion": "test.powernode.io/v1",
		"involvedObject.resourceVersion": "7", "involvedObject.fieldPath": "spec.x", "reason": "Painted", "type": "Normal", "reportingComponent": "painter", "source": "painter", "metadata.name": "one",
	} {
		got := h.want(h.get(path+"?fieldSelector="+url.QueryEscape(field+"="+value)), 200)
		if !strings.Contains(got.body, `"name":"one"`) || strings.Contains(got.body, `"name":"two"`) {
			t.Errorf("%s: %s", field, got)
		}
	}
	contains(t, "namespace", h.want(h.get(path+"?fieldSelector=involvedObject.namespace%3Ddefault"), 200).body, `"name":"one"`, `"name":"two"`)
}

// TestResourceVersionsCaseByCase is the table of api.md §7, for lists and watches.
func TestResourceVersionsCaseByCase(t *testing.T) {
	h := start(t)
	first := h.widget("a", 1).ResourceVersion
	h.want(h.merge(widgets+"/a", `{"spec":{"size":2}}`), 200)
	h.widget("b", 1)
	const old, now, both = `"size":1`, `"size":2`, `"name":"b"`
	for query, want := range map[string][]string{
		"":                   {now, both},
		"resourceVersion=0":  {now, both},
		"resourceVersion=RV": {now, both},
		"resourceVersion=0&resourceVersionMatch=NotOlderThan":          {now, both},
		"resourceVersion=RV&resourceVersionMatch=NotOlderThan":         {now, both},
		"resourceVersion=RV&resourceVersionMatch=NotOlderThan&limit=1": {now},
		"resourceVersion=RV&resourceVersionMatch=Exact":                {old},
		"resourceVersion=RV&resourceVersionMatch=Exact&limit=1":        {old},
		"resourceVersion=RV&limit=1":                                   {old},
		"resourceVersion=0&limit=1":                                    {now},
		"limit=1":                                                      {now},
	} {
		contains(t, query, h.want(h.get(widgets+"?"+strings.ReplaceAll(query, "RV", first)), 200).body, want...)
	}
	for query, code := range map[string]int{
		"resourceVersionMatch=NotOlderThan": 422, "resourceVersionMatch=Exact": 422, "resourceVersionMatch=Other&resourceVersion=5": 422,
		"resourceVersion=0&resourceVersionMatch=Exact": 422, "sendInitialEvents=true": 422, "sendInitialEvents=false": 422,
		"sendInitialEvents=true&resourceVersionMatch=NotOlderThan": 422, "resourceVersion=abc": 400, "resourceVersion=1.5": 400, "resourceVersion=99999999999999999999": 400,
		"watch=1&resourceVersionMatch=NotOlderThan": 422, "watch=1&resourceVersionMatch=Exact&resourceVersion=1": 422, "watch=1&sendInitialEvents=true": 422,
		"watch=1&sendInitialEvents=true&resourceVersionMatch=Exact": 422, "watch=1&sendInitialEvents=false": 422, "watch=1&sendInitialEvents=perhaps": 400,
		"watch=1&resourceVersion=abc": 400, "watch=1&timeoutSeconds=-1": 400, "watch=1&limit=x": 400, "limit=-1": 400, "watch=perhaps": 200,
	} {
		if got := h.get(widgets + "?" + query); got.code != code {
			t.Errorf("%s: got %s, want %d", query, got, code)
		}
	}
	for query, code := range map[string]int{"": 200, "resourceVersion=0": 200, "resourceVersion=" + first: 200, "resourceVersion=abc": 400} {
		if got := h.get(widgets + "/a?" + query); got.code != code || code == 200 && !strings.Contains(got.body, now) {
			t.Errorf("get %s: got %s, want %d", query, got, code)
		}
	}
}
