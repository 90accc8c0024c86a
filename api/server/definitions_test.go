package server_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/api/server"
	"github.com/powernode/powernode/controllers/customresourcedefinition"
	"github.com/powernode/powernode/controllers/namespace"
	"github.com/powernode/powernode/reconcile"
	"github.com/powernode/powernode/store"
)

const (
	definitionsPath = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
	gears           = "/apis/example.org/v1/namespaces/default/gears"
	gearKind        = "Gear.example.org"
	gear            = `{"apiVersion":"example.org/v1","kind":"Gear","metadata":{"name":"a"},"spec":{"teeth":12}}`
)

// crd is a definition of a kind of example.org with a version v1 of one integer field.
func crd(plural, kind, names, field string) string {
	return fmt.Sprintf(`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"%[1]s.example.org"},
		"spec":{"group":"example.org","scope":"Namespaced","names":{"plural":%[1]q,"kind":%[2]q%[3]s},"versions":[{"name":"v1","served":true,"storage":true,
		"additionalPrinterColumns":[{"name":"Teeth","type":"integer","jsonPath":".spec.%[4]s"}],
		"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object","properties":{%[4]q:{"type":"integer","minimum":3,"default":8}}}}}}}]}}`,
		plural, kind, names, field)
}

// manage runs the controllers of definitions and namespaces on the store, until the test ends.
func (h *harness) manage() *harness {
	h.managed()
	return h
}

// managed is manage, and can be ended.
func (h *harness) managed() (stop func()) {
	manager := &reconcile.Manager{Store: h.store, Kinds: []reconcile.Kind{
		customresourcedefinition.Kind(), namespace.Kind([]string{"Secret", "ConfigMap", "Event"}),
	}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- manager.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	h.Cleanup(stop)
	return stop
}

func (h *harness) define(doc string) {
	h.Helper()
	h.want(h.post(definitionsPath, doc), 201)
}

func TestADefinitionIsServedWhenTheAnswerIsOut(t *testing.T) {
	h := start(t).manage()
	h.want(h.get(gears), 404)
	h.define(crd("gears", "Gear", "", "teeth"))
	h.want(h.post(gears, gear), 201)
	h.refused(h.post(gears, strings.Replace(gear, "12", "2", 1)), 422, metav1.StatusReasonInvalid, "spec.teeth: Invalid value: 2: must be at least 3")
	contains(t, "the group", h.want(h.get("/apis"), 200).body, `"name":"example.org"`)
	contains(t, "its document", h.want(h.get("/openapi/v3/apis/example.org/v1"), 200).body, `"teeth"`)
	h.want(h.do("DELETE", definitionsPath+"/gears.example.org", ""), 200)
	eventually(t, "the end of the kind", func() bool { return h.get(gears).code == 404 })
	contains(t, "the objects", fmt.Sprint(h.all(gearKind)), "[]")
}

func TestADefinitionThatMakesNoKindHarmsNoOther(t *testing.T) {
	h := start(t)
	h.define(crd("gears", "Gear", "", "teeth"))
	h.smuggle(strings.Replace(crd("cogs", "Cog", "", "teeth"), `"minimum":3`, `"minimum":"x"`, 1))
	h.smuggle(strings.Replace(crd("rods", "Rod", "", "teeth"), `"group":"example.org"`, `"group":7`, 1))
	h.define(crd("nuts", "Nut", "", "teeth"))
	h.want(h.post(gears, gear), 201)
	h.want(h.get("/apis/example.org/v1/nuts"), 200)
	h.want(h.get("/apis/example.org/v1/cogs"), 404)
}

// all are the stored objects of a kind, by name.
func (h *harness) all(kind string) (names []string) {
	h.Helper()
	list, err := h.store.List(context.Background(), kind, store.ListOptions{})
	if err != nil {
		h.Fatal(err)
	}
	for _, obj := range list.Items {
		names = append(names, obj.Name)
	}
	return names
}

// smuggle stores a definition past the checks of the server, as another version of it might.
func (h *harness) smuggle(doc string) *api.Object {
	h.Helper()
	obj, err := h.store.Create(context.Background(), answer{body: doc}.object(h))
	if err != nil {
		h.Fatal(err)
	}
	return obj
}

func TestAWrongDefinitionIsRefusedWithTheFieldsPath(t *testing.T) {
	h := start(t)
	for message, doc := range map[string]string{
		"metadata.name": strings.Replace(crd("gears", "Gear", "", "teeth"), "gears.example.org", "gear.example.org", 1),
		"spec.group":    strings.ReplaceAll(crd("gears", "Gear", "", "teeth"), "example.org", "powernode.io"),
		"spec.scope":    strings.Replace(crd("gears", "Gear", "", "teeth"), "Namespaced", "Everywhere", 1),
		"spec.versions[0].schema.openAPIV3Schema": strings.Replace(crd("gears", "Gear", "", "teeth"), `"type":"object"`, `"type":"thing"`, 1),
	} {
		h.refused(h.post(definitionsPath, doc), 422, metav1.StatusReasonInvalid, message)
	}
	for _, group := range []string{"coordination.k8s.io", "rbac.authorization.k8s.io", "authorization.k8s.io"} {
		doc := strings.ReplaceAll(crd("gears", "Gear", "", "teeth"), "example.org", group)
		doc = strings.Replace(doc, `"metadata":{`, `"metadata":{"annotations":{"api-approved.kubernetes.io":"unapproved"},`, 1)
		h.refused(h.post(definitionsPath, doc), 422, metav1.StatusReasonInvalid, "are a part of the server; use a group of your own")
	}
}

func TestTheDefinitionsOfOurKindsStayAsTheyAre(t *testing.T) {
	h := start(t)
	const path = definitionsPath + "/gears.powernode.io"
	h.smuggle(strings.ReplaceAll(crd("gears", "Gear", "", "teeth"), "example.org", "powernode.io"))
	h.want(h.get(path), 200)
	h.want(h.get("/apis/powernode.io/v1/gears"), 404)
	const why = "the kind Gear is a part of the server"
	h.refused(h.do("DELETE", path, ""), 403, metav1.StatusReasonForbidden, why)
	h.refused(h.do("DELETE", definitionsPath, ""), 403, metav1.StatusReasonForbidden, why)
	h.refused(h.merge(path, `{"spec":{"scope":"Cluster"}}`), 403, metav1.StatusReasonForbidden, why)
	h.refused(h.merge(path, `{"metadata":{"labels":{"x":"y"}}}`), 403, metav1.StatusReasonForbidden, why)
	h.refused(h.merge(path+"/status", `{"status":{"storedVersions":["v1"]}}`), 403, metav1.StatusReasonForbidden, why)
}

func TestNoObjectsOfAKindThatIsGoing(t *testing.T) {
	h := start(t).manage()
	h.define(crd("gears", "Gear", "", "teeth"))
	h.want(h.post(gears, strings.Replace(gear, `"name":"a"`, `"name":"a","finalizers":["example.org/hold"]`, 1)), 201)
	h.want(h.do("DELETE", definitionsPath+"/gears.example.org", ""), 200)
	h.refused(h.post(gears, strings.Replace(gear, `"a"`, `"b"`, 1)), 405, metav1.StatusReasonMethodNotAllowed, "create not allowed while custom resource definition is terminating")
	h.refused(h.do("PATCH", gears+"/b?fieldManager=x", strings.Replace(gear, `"a"`, `"b"`, 1), "Content-Type", "application/apply-patch+yaml"), 405, metav1.StatusReasonMethodNotAllowed, "terminating")
	eventually(t, "the condition", func() bool {
		return strings.Contains(h.want(h.get(definitionsPath+"/gears.example.org"), 200).body, "InstanceDeletionInProgress")
	})
	h.want(h.merge(gears+"/a", `{"metadata":{"finalizers":null}}`), 200)
	eventually(t, "the end of the kind", func() bool { return h.get(gears).code == 404 })
	h.define(crd("gears", "Gear", "", "teeth"))
	contains(t, "nothing comes back", h.want(h.get(gears), 200).body, `"items":[]`)
}

// TestAnInformerOutlivesAChangeOfItsKind: what it is told from then on has the new form.
func TestAnInformerOutlivesAChangeOfItsKind(t *testing.T) {
	counted := &flakyStore{}
	h := start(t, func(c *server.Config) { counted.Store, c.Store = c.Store, counted })
	h.define(crd("gears", "Gear", "", "teeth"))
	informer := informed(t, h, "example.org", "gears")
	told := func(name, field string, want any) func() bool {
		return func() bool {
			item, found, err := informer.GetStore().GetByKey("default/" + name)
			if err != nil || !found {
				return false
			}
			got, _, _ := unstructured.NestedFieldNoCopy(item.(*unstructured.Unstructured).Object, "spec", field)
			return got == want
		}
	}
	h.want(h.post(gears, gear), 201)
	eventually(t, "an object of the old form", told("a", "teeth", int64(12)))
	watches := h.watches("gears")
	_, spec, _ := strings.Cut(crd("gears", "Gear", "", "cogs"), `"spec":`)
	h.want(h.merge(definitionsPath+"/gears.example.org", `{"spec":`+spec), 200)
	h.want(h.post(gears, `{"metadata":{"name":"b"},"spec":{"cogs":5}}`), 201)
	eventually(t, "an object of the new form", told("b", "cogs", int64(5)))
	if now := h.watches("gears"); now != watches {
		t.Errorf("watches: %s, were %s", now, watches)
	}
}

// watches is the line of /metrics about the watches of a resource.
func (h *harness) watches(resource string) string {
	for line := range strings.Lines(h.get("/metrics").body) {
		if strings.HasPrefix(line, `powernode_api_watches{resource="`+resource+`"}`) {
			return line
		}
	}
	return ""
}

func TestAWatchEndsWithItsKind(t *testing.T) {
	h := start(t).manage()
	h.define(crd("gears", "Gear", "", "teeth"))
	ended := make(chan answer)
	go func() { ended <- h.get(gears + "?watch=1") }()
	eventually(t, "the watch", func() bool { return strings.HasSuffix(h.watches("gears"), " 1\n") })
	h.want(h.do("DELETE", definitionsPath+"/gears.example.org", ""), 200)
	if got := <-ended; got.code != 200 {
		t.Errorf("got %s", got)
	}
}
