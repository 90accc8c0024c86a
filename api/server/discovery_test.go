package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/discovery"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/server"
)

// withLog gives Widgets a subresource log that goes on until its client leaves.
func withLog(c *server.Config) {
	c.Subresources = map[string]map[string]api.Subresource{widgetKind: {"log": func(w http.ResponseWriter, r *http.Request, obj *api.Object, rest string) error {
		switch {
		case rest == "missing":
			return fmt.Errorf("log of %s has no missing: %w", obj.Name, api.ErrNotFound)
		case r.URL.Query().Get("tailLines") == "x":
			return fmt.Errorf("tailLines: %w", api.ErrInvalid)
		}
		_, _ = io.WriteString(w, "log of "+obj.Name+" "+rest)
		if r.URL.Query().Get("follow") == "true" {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
		return nil
	}}}
}

func TestClientGoDiscoversWhatIsServed(t *testing.T) {
	h := start(t, withLog)
	client, err := discovery.NewDiscoveryClientForConfig(h.config())
	if err != nil {
		t.Fatal(err)
	}
	for name, legacy := range map[string]bool{"aggregated": false, "plain": true} {
		client.UseLegacyDiscovery = legacy
		_, lists, err := client.ServerGroupsAndResources()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		found := map[string]metav1.APIResource{}
		for _, l := range lists {
			for _, r := range l.APIResources {
				found[l.GroupVersion+"/"+r.Name] = r
			}
		}
		w := found["test.powernode.io/v1/widgets"]
		if !w.Namespaced || w.Kind != "Widget" || w.SingularName != "widget" || fmt.Sprint(w.ShortNames, w.Categories) != "[wd] [all]" ||
			fmt.Sprint(w.Verbs) != "[create delete deletecollection get list patch update watch]" {
			t.Errorf("%s: %+v", name, w)
		}
		for sub, verbs := range map[string]string{"status": "[get patch update]", "log": "[get]"} {
			if r := found["test.powernode.io/v1/widgets/"+sub]; fmt.Sprint(r.Verbs) != verbs {
				t.Errorf("%s: %s: %+v", name, sub, r)
			}
		}
		if r := found["v1/namespaces"]; r.Namespaced || strings.Contains(fmt.Sprint(r.Verbs), "deletecollection") {
			t.Errorf("%s: namespaces: %+v", name, r)
		}
		if _, ok := found["authorization.k8s.io/v1/selfsubjectaccessreviews"]; !ok {
			t.Errorf("%s: no access reviews", name)
		}
	}
}

func TestDiscoveryIsCachedByItsTag(t *testing.T) {
	h := start(t)
	const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
	for _, path := range []string{"/api", "/apis", "/api/v1", "/apis/test.powernode.io/v1", "/apis/test.powernode.io", "/openapi/v3"} {
		first := h.want(h.get(path, "Accept", accept), 200)
		tag := first.header.Get("ETag")
		if tag == "" || !strings.Contains(first.header.Get("Vary"), "Accept") {
			t.Errorf("%s: %v", path, first.header)
		}
		again := h.want(h.get(path, "Accept", accept, "If-None-Match", tag), 304)
		if again.body != "" {
			t.Errorf("%s: a body with 304", path)
		}
		h.want(h.get(path, "Accept", accept, "If-None-Match", `"other"`), 200)
	}
	if got := h.get("/apis", "Accept", accept).header.Get("Content-Type"); got != "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList" {
		t.Errorf("Content-Type %s", got)
	}
	contains(t, "plain", h.get("/apis").body, `"kind":"APIGroupList"`)
}

func TestOpenAPIIsNamedByItsHash(t *testing.T) {
	h := start(t)
	var index struct {
		Paths map[string]struct{ ServerRelativeURL string }
	}
	if err := json.Unmarshal([]byte(h.want(h.get("/openapi/v3"), 200).body), &index); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"api/v1", "apis/test.powernode.io/v1"} {
		doc := h.want(h.get(index.Paths[path].ServerRelativeURL), 200)
		contains(t, path, doc.body, `"x-kubernetes-group-version-kind"`, "fieldValidation")
		if got := doc.header.Get("Cache-Control"); got != "public, immutable" {
			t.Errorf("%s: Cache-Control %s", path, got)
		}
		if got := h.want(h.get("/openapi/v3/"+path+"?hash=old"), 200).header.Get("Cache-Control"); strings.Contains(got, "immutable") {
			t.Errorf("a wrong hash may be kept: %s", got)
		}
	}
}

func TestSubresources(t *testing.T) {
	h := start(t, withLog)
	h.widget("a", 1)
	if got := h.want(h.get(widgets+"/a/log/build/1"), 200); got.body != "log of a build/1" {
		t.Errorf("got %s", got)
	}
	h.refused(h.get(widgets+"/b/log"), 404, metav1.StatusReasonNotFound, `"b" not found`)
	h.refused(h.get(widgets+"/a/log/missing"), 404, metav1.StatusReasonNotFound, "log of a has no missing")
	h.refused(h.get(widgets+"/a/log?tailLines=x"), 400, metav1.StatusReasonBadRequest, "tailLines")
	h.refused(h.post(widgets+"/a/log", ""), 405, metav1.StatusReasonMethodNotAllowed, "not supported")
	followed := make(chan answer)
	go func() { followed <- h.get(widgets + "/a/log?follow=true") }()
	time.Sleep(20 * time.Millisecond) // either way the answer ends; mostly in the middle
	h.server.Drain()
	if got := <-followed; got.code != 200 {
		t.Errorf("got %s", got)
	}
}

func TestAdmission(t *testing.T) {
	calls := 0
	h := start(t, func(c *server.Config) {
		c.Admission = map[string]api.Admission{widgetKind: func(ctx context.Context, req api.AdmissionRequest) field.ErrorList {
			calls++
			_, err := req.Objects.Get(ctx, api.Key{Kind: "ConfigMap", Namespace: req.New.Namespace, Name: "settings"})
			if errors.Is(err, api.ErrNotFound) {
				return field.ErrorList{field.NotFound(field.NewPath("spec", "settings"), "settings")}
			}
			req.New.Spec = json.RawMessage(strings.Replace(string(req.New.Spec), `"red"`, `"green"`, 1))
			return nil
		}}
	})
	st := h.refused(h.post(widgets, widgetBody("a", 1)), 422, metav1.StatusReasonInvalid, `Widget.test.powernode.io "a" is invalid: spec.settings: Not found: "settings"`)
	if len(st.Details.Causes) != 1 || st.Details.Causes[0].Type != "FieldValueNotFound" {
		t.Errorf("details %+v", st.Details)
	}
	h.want(h.post("/api/v1/namespaces/default/configmaps", `{"metadata":{"name":"settings"}}`), 201)
	contains(t, "completed", h.want(h.post(widgets, widgetBody("a", 1)), 201).body, `"colour":"green"`)
	before := calls
	h.want(h.merge(widgets+"/a", `{"metadata":{"labels":{"x":"y"}}}`), 200)
	if calls != before {
		t.Error("asked about a write that leaves the spec as it was")
	}
	h.want(h.do("PATCH", widgets+"/a?dryRun=All", `{"spec":{"size":2}}`, "Content-Type", "application/merge-patch+json"), 200)
	if calls != before+1 {
		t.Error("not asked in a dry run")
	}
}
