package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/powernode/powernode/api/server"
	"github.com/powernode/powernode/store/memory"
)

type historyDoc struct {
	Kind, APIVersion string
	Metadata         struct {
		Name, Namespace, UID, Continue string
		RemainingItemCount             int
	}
	Items []struct {
		Generation                       int64
		ResourceVersion, By, ChangeCause string
		At                               time.Time
		Current                          bool
		Object                           json.RawMessage
	}
}

func (h *harness) history(path string) historyDoc {
	h.Helper()
	var doc historyDoc
	if err := json.Unmarshal([]byte(h.want(h.get(path), 200).body), &doc); err != nil {
		h.Fatal(err)
	}
	return doc
}

func TestHistoryListsEveryGenerationWithWhoAndWhy(t *testing.T) {
	h := start(t)
	h.widget("w", 1)
	h.want(h.merge(widgets+"/w", `{"metadata":{"annotations":{"kubernetes.io/change-cause":"more room"}},"spec":{"size":2}}`), 200)
	h.want(h.merge(widgets+"/w", `{"metadata":{"labels":{"not":"wished"}}}`), 200)
	h.want(h.merge(widgets+"/w/status", `{"status":{"phase":"Small"}}`), 200)
	last := h.want(h.merge(widgets+"/w", `{"spec":{"size":3}}`), 200).object(t)

	doc := h.history(widgets + "/w/history")
	if doc.Kind != "History" || doc.APIVersion != "powernode.io/v1" || doc.Metadata.Name != "w" ||
		doc.Metadata.Namespace != "default" || doc.Metadata.UID != string(last.UID) || len(doc.Items) != 3 {
		t.Fatalf("history %+v", doc)
	}
	for i, item := range doc.Items {
		if item.Generation != int64(i+1) || item.By != "admin" || item.At.IsZero() || item.Current != (i == 2) || item.Object != nil {
			t.Errorf("item %d: %+v", i, item)
		}
	}
	if doc.Items[0].ChangeCause != "" || doc.Items[1].ChangeCause != "more room" || doc.Items[2].ResourceVersion != last.ResourceVersion {
		t.Errorf("items %+v", doc.Items)
	}
	whole := h.history(widgets + "/w/history?includeObject=Object")
	if !strings.Contains(string(whole.Items[1].Object), `"size":2`) || strings.Contains(string(whole.Items[2].Object), "Small") {
		t.Errorf("objects %s\n%s", whole.Items[1].Object, whole.Items[2].Object)
	}
}

func TestAGenerationIsTheObjectInItsOwnKind(t *testing.T) {
	h := start(t)
	h.widget("w", 1)
	h.want(h.merge(widgets+"/w/status", `{"status":{"phase":"Small"}}`), 200)
	h.want(h.merge(widgets+"/w", `{"spec":{"size":2}}`), 200)
	for n, size := range map[string]string{"1": "1", "2": "2"} {
		obj := h.want(h.get(widgets+"/w/history?generation="+n), 200).object(t)
		if obj.Kind != "Widget" || obj.Name != "w" || string(obj.Spec) != `{"colour":"red","size":`+size+`}` || obj.Status != nil {
			t.Errorf("generation %s: %+v %s %s", n, obj, obj.Spec, obj.Status)
		}
	}
	table := h.want(h.get(widgets+"/w/history?generation=1", "Accept", "application/json;as=Table;v=v1;g=meta.k8s.io"), 200)
	if !strings.Contains(table.body, `"cells":["w",1,null`) {
		t.Errorf("table %s", table)
	}
	yaml := h.want(h.get(widgets+"/w/history?generation=1", "Accept", "application/yaml"), 200)
	if !strings.Contains(yaml.body, "size: 1\n") {
		t.Errorf("YAML %s", yaml)
	}
}

func TestWhatIsAskedOfHistoryMustMakeSense(t *testing.T) {
	h := start(t)
	h.widget("w", 1)
	at := widgets + "/w/history"
	h.refused(h.get(at+"?generation=x"), 400, metav1.StatusReasonBadRequest, "generation")
	h.refused(h.get(at+"?generation=0"), 400, metav1.StatusReasonBadRequest, "generation")
	h.refused(h.get(at+"?at=yesterday"), 400, metav1.StatusReasonBadRequest, "query parameter at")
	h.refused(h.get(at+"?includeObject=Some"), 400, metav1.StatusReasonBadRequest, "includeObject")
	h.refused(h.get(at+"?generation=1&at=2026-01-01T00:00:00Z"), 400, metav1.StatusReasonBadRequest, "give one of them")
	h.refused(h.get(at+"?generation=7"), 404, metav1.StatusReasonNotFound, `widgets.test.powernode.io "w": generation 7 is not kept; generations 1 to 1 are`)
	h.refused(h.get(widgets+"/none/history"), 404, metav1.StatusReasonNotFound, `"none" not found`)
	h.refused(h.do("POST", at, `{}`), 405, metav1.StatusReasonMethodNotAllowed, "")
	h.want(h.post("/api/v1/namespaces/default/configmaps", `{"metadata":{"name":"c"},"data":{"k":"v"}}`), 201)
	h.want(h.get("/api/v1/namespaces/default/configmaps/c/history"), 404)
}

func TestHistoryIsReadInPages(t *testing.T) {
	h := start(t)
	h.widget("w", 1)
	for size := 2; size <= 5; size++ {
		h.want(h.merge(widgets+"/w", fmt.Sprintf(`{"spec":{"size":%d}}`, size)), 200)
	}
	at, token := widgets+"/w/history?limit=2", ""
	for page, want := range []string{"[1 2] 3", "[3 4] 1", "[5] 0"} {
		got := h.history(at + "&continue=" + token)
		var generations []int64
		for _, g := range got.Items {
			generations = append(generations, g.Generation)
			if g.Current != (g.Generation == 5) {
				t.Errorf("generation %d is current: %v", g.Generation, g.Current)
			}
		}
		if token = got.Metadata.Continue; fmt.Sprint(generations, " ", got.Metadata.RemainingItemCount) != want || (token == "") != (page == 2) {
			t.Errorf("page %d: %v, %d left, continue %q; want %s", page, generations, got.Metadata.RemainingItemCount, token, want)
		}
	}
	token = h.history(at).Metadata.Continue
	h.refused(h.get(at+"&continue=x"), 400, metav1.StatusReasonBadRequest, "continue key is not valid")
	h.refused(h.get(widgets+"/w/history?limit=-1"), 400, metav1.StatusReasonBadRequest, "limit")
	h.widget("v", 1)
	h.refused(h.get(widgets+"/v/history?limit=2&continue="+token), 400, metav1.StatusReasonBadRequest, "that of another list")
	h.want(h.do("DELETE", widgets+"/w", ""), 200)
	h.widget("w", 1)
	h.refused(h.get(at+"&continue="+token), 410, metav1.StatusReasonExpired, "replaced by another")
}

func TestAtPicksTheGenerationThatWasInForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := bubble(t)
		time.Sleep(time.Second * 3 / 2) // into the middle of a second
		created := time.Now()
		h.call("POST", widgets, widgetBody("w", 1), 201)
		time.Sleep(time.Minute)
		changed := time.Now()
		h.call("PATCH", widgets+"/w", `{"spec":{"size":2}}`, 200)
		time.Sleep(time.Minute)
		for at, size := range map[time.Time]string{
			created: "1", changed.Add(-time.Microsecond): "1", changed: "2", time.Now(): "2",
		} {
			body := h.call("GET", widgets+"/w/history?at="+at.UTC().Format(metav1.RFC3339Micro), "", 200)
			if !strings.Contains(body, `"size":`+size) {
				t.Errorf("at %s: %s", at, body)
			}
		}
		// As metadata.creationTimestamp shows it: in whole seconds.
		if body := h.call("GET", widgets+"/w/history?at="+created.UTC().Format(time.RFC3339), "", 200); !strings.Contains(body, `"size":1`) {
			t.Errorf("at the creation: %s", body)
		}
		body := h.call("GET", widgets+"/w/history?at="+created.Add(-time.Second).UTC().Format(time.RFC3339), "", 404)
		if want := "its history begins at " + created.UTC().Format(metav1.RFC3339Micro) + " with generation 1"; !strings.Contains(body, want) {
			t.Errorf("before: %s, want %q", body, want)
		}
	})
}

func TestHistoryOutlivesTheObjectAndSaysSo(t *testing.T) {
	h := start(t)
	h.widget("w", 1)
	h.want(h.do("DELETE", widgets+"/w", ""), 200)
	gone := h.want(h.get(widgets+"/w/history"), 200)
	if warning := gone.header.Get("Warning"); !strings.Contains(warning, "is deleted") || strings.Contains(gone.body, "current") {
		t.Errorf("warning %q, %s", warning, gone)
	}
	h.want(h.get(widgets+"/w/history?generation=1"), 200)
	h.widget("w", 9)
	doc := h.history(widgets + "/w/history")
	if len(doc.Items) != 1 || !doc.Items[0].Current {
		t.Errorf("of the new object: %+v", doc)
	}
}

func TestHistoryDoesNotPassToAnotherNamespaceOfTheName(t *testing.T) {
	h := start(t)
	const team, path = "/api/v1/namespaces/team", "/apis/test.powernode.io/v1/namespaces/team/widgets"
	renew := func() {
		h.want(h.post("/api/v1/namespaces", `{"metadata":{"name":"team"}}`), 201)
	}
	renew()
	h.want(h.post(path, strings.Replace(widgetBody("w", 1), `"namespace":"default"`, `"namespace":"team"`, 1)), 201)
	h.want(h.do("DELETE", path+"/w", ""), 200)
	h.want(h.get(path+"/w/history"), 200)
	h.want(h.do("DELETE", team, ""), 200)
	h.want(h.put(team+"/finalize", `{"metadata":{"name":"team"},"spec":{}}`), 200)
	h.want(h.get(team), 404)
	h.want(h.get(path+"/w/history"), 200) // who may read it in all namespaces
	renew()
	for _, query := range []string{"", "?generation=1", "?includeObject=Object"} {
		h.refused(h.get(path+"/w/history"+query), 404, metav1.StatusReasonNotFound, `"w" not found`)
	}
}

func TestHistoryIsListedByDiscoveryForKindsWithASpec(t *testing.T) {
	h := start(t)
	if list := h.want(h.get("/apis/test.powernode.io/v1"), 200); !strings.Contains(list.body,
		`{"name":"widgets/history","singularName":"","namespaced":true,"group":"powernode.io","version":"v1","kind":"History","verbs":["get"]}`) {
		t.Errorf("widgets: %s", list)
	}
	if list := h.want(h.get("/api/v1"), 200); strings.Contains(list.body, "secrets/history") {
		t.Errorf("secrets have no spec: %s", list)
	}
}

// caller makes requests of a server without a network, which a bubble of fake time can't wait for.
type caller struct {
	testing.TB
	server *server.Server
}

func bubble(t *testing.T) caller {
	s, err := server.New(server.Config{
		Store: &memory.Store{}, Kinds: testKinds(t),
		Authenticate: server.Tokens(map[string]server.User{adminToken: {Name: "admin", Groups: []string{server.Masters}}}),
	})
	if err != nil {
		t.Fatal(err)
	}
	c := caller{t, s}
	c.call("POST", "/api/v1/namespaces", `{"metadata":{"name":"default"}}`, 201)
	return c
}

func (c caller) call(method, path, body string, code int) string {
	c.Helper()
	r := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+adminToken)
	if method == "PATCH" {
		r.Header.Set("Content-Type", "application/merge-patch+json")
	}
	w := httptest.NewRecorder()
	c.server.ServeHTTP(w, r)
	if w.Code != code {
		c.Fatalf("%s %s: %d %s, want %d", method, path, w.Code, w.Body, code)
	}
	return w.Body.String()
}
