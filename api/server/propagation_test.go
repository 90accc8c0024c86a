package server_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/reconcile/garbage"
)

// collect runs the garbage collector beside the server.
func (h *harness) collect() {
	h.Helper()
	var kinds []garbage.Kind
	for _, k := range testKinds(h) {
		kinds = append(kinds, garbage.Kind{Name: k.Key(), Stored: k.Stored, Namespaced: k.Namespaced})
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- (&garbage.Collector{Store: h.store, Kinds: kinds}).Run(ctx) }()
	h.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			h.Error(err)
		}
	})
}

// owned creates a ConfigMap that the owner owns and, if it says so, is held up by.
func (h *harness) owned(name string, owner *api.Object, block bool, finalizers ...string) *api.Object {
	h.Helper()
	body := fmt.Sprintf(`{"metadata":{"name":%q,"finalizers":["%s"],"ownerReferences":[{"apiVersion":%q,"kind":%q,"name":%q,"uid":%q,"blockOwnerDeletion":%v}]}}`,
		name, strings.Join(finalizers, `","`), owner.APIVersion, owner.Kind, owner.Name, owner.UID, block)
	return h.want(h.post("/api/v1/namespaces/default/configmaps", strings.Replace(body, `[""]`, "[]", 1)), 201).object(h)
}

func TestPropagationPolicies(t *testing.T) {
	h := start(t)
	for i, c := range []struct {
		have, query, body string
		want              string // finalizers; "gone" for none
	}{
		{"", "", "", "gone"},
		{"", "", `{"propagationPolicy":"Background"}`, "gone"},
		{"", "", `{"propagationPolicy":"Foreground"}`, "foregroundDeletion"},
		{"", "", `{"propagationPolicy":"Orphan"}`, "orphan"},
		{"", "", `{"propagationPolicy":"Foreground","gracePeriodSeconds":5}`, "foregroundDeletion"},
		{"", "", `{"orphanDependents":true}`, "orphan"},
		{"", "", `{"orphanDependents":false}`, "gone"},
		{"", "?propagationPolicy=Foreground&gracePeriodSeconds=0", "", "foregroundDeletion"},
		{"", "?orphanDependents=true", "", "orphan"},
		{"", "?propagationPolicy=Foreground", `{}`, "gone"}, // the body says it all
		{"orphan", "", "", "orphan"},
		{"orphan", "", `{"propagationPolicy":"Background"}`, "gone"},
		{"orphan", "", `{"propagationPolicy":"Foreground"}`, "foregroundDeletion"},
		{"foregroundDeletion", "", "", "foregroundDeletion"},
		{"test.io/x", "", `{"propagationPolicy":"Orphan"}`, "test.io/x orphan"},
	} {
		name := fmt.Sprintf("w%d", i)
		w := h.widget(name, 1)
		if c.have != "" {
			h.want(h.merge(widgets+"/"+name, fmt.Sprintf(`{"metadata":{"finalizers":[%q]}}`, c.have)), 200)
		}
		got := h.want(h.do("DELETE", widgets+"/"+name+c.query, c.body, "Content-Type", "application/json"), 200)
		if c.want == "gone" {
			if got.status(t).Details.UID != w.UID || h.get(widgets+"/"+name).code != 404 {
				t.Errorf("%d: %s is there", i, got)
			}
			continue
		}
		obj := h.want(h.get(widgets+"/"+name), 200).object(t)
		if strings.Join(obj.Finalizers, " ") != c.want || obj.DeletionTimestamp == nil || obj.Generation != 2 {
			t.Errorf("%d: %+v", i, obj.ObjectMeta)
		}
		if again := h.want(h.do("DELETE", widgets+"/"+name+c.query, c.body, "Content-Type", "application/json"), 200).object(t); again.ResourceVersion != obj.ResourceVersion {
			t.Errorf("%d: the same again changed something: %+v", i, again.ObjectMeta)
		}
	}
	h.refused(h.do("DELETE", widgets+"/w2", `{"propagationPolicy":"Orphan","orphanDependents":true}`, "Content-Type", "application/json"), 422, metav1.StatusReasonInvalid, "orphanDependents")
	h.refused(h.do("DELETE", widgets+"/w2?propagationPolicy=Sideways", ""), 422, metav1.StatusReasonInvalid, "propagationPolicy")
	h.refused(h.do("DELETE", widgets+"/w2?orphanDependents=perhaps", ""), 400, metav1.StatusReasonBadRequest, "orphanDependents")
	h.refused(h.do("DELETE", widgets+"/w2?uid=other", ""), 409, metav1.StatusReasonConflict, "")
	h.refused(h.do("DELETE", widgets+"/w2", `{"kind":"Widget","apiVersion":"test.powernode.io/v1"}`, "Content-Type", "application/json"), 400, metav1.StatusReasonBadRequest, "the body is a Widget")
	h.want(h.do("DELETE", widgets+"/w2", "propagationPolicy: Background\n", "Content-Type", "application/yaml"), 200)
	h.want(h.get(widgets+"/w2"), 404) // a policy that is given later counts
}

// Nobody collects what Events own.
func TestAnEventGoesAtOnce(t *testing.T) {
	h := start(t)
	const path = "/api/v1/namespaces/default/events"
	h.want(h.post(path, `{"metadata":{"name":"e"},"involvedObject":{"namespace":"default"}}`), 201)
	h.want(h.do("DELETE", path+"/e?propagationPolicy=Foreground", ""), 200)
	h.want(h.get(path+"/e"), 404)
}

func TestDeleteCollectionByOptions(t *testing.T) {
	h := start(t)
	for i := range 60 {
		h.want(h.post(widgets, fmt.Sprintf(`{"metadata":{"name":"w%02d","labels":{"half":"%d"}},"spec":{"size":1}}`, i, i%2)), 201)
	}
	count := func(query string) int { return len(h.want(h.get(widgets+query), 200).json(t)["items"].([]any)) }
	dry := h.want(h.do("DELETE", widgets+"?dryRun=All&labelSelector=half=1", ""), 200).json(t)
	if n := len(dry["items"].([]any)); n != 30 || count("") != 60 {
		t.Errorf("dry run: %d, left %d", n, count(""))
	}
	first := h.want(h.do("DELETE", widgets+"?limit=10&labelSelector=half=1", ""), 200).json(t)
	if n := len(first["items"].([]any)); n != 10 || count("") != 50 || first["metadata"].(map[string]any)["continue"] == nil {
		t.Errorf("limit: %d, left %d", n, count(""))
	}
	h.want(h.do("DELETE", widgets+"?fieldSelector=metadata.name=w00", `{"propagationPolicy":"Foreground"}`, "Content-Type", "application/json"), 200)
	if obj := h.get(widgets + "/w00").object(t); len(obj.Finalizers) != 1 || obj.DeletionTimestamp == nil {
		t.Errorf("foreground: %+v", obj.ObjectMeta)
	}
	h.refused(h.do("DELETE", widgets+"?labelSelector=a+b", ""), 400, metav1.StatusReasonBadRequest, "labelSelector")
	h.refused(h.do("DELETE", widgets+"?propagationPolicy=Up", ""), 422, metav1.StatusReasonInvalid, "propagationPolicy")
	h.want(h.do("DELETE", widgets, ""), 200)
	if n := count(""); n != 1 {
		t.Errorf("left: %d", n)
	}
}
