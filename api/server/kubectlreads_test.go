package server_test

import (
	"fmt"
	"strings"
)

// prepare makes three Widgets and an Event about one, and a Widget in another namespace.
func (k *kubectl) prepare() {
	k.Helper()
	for n, name := range []string{"c", "a", "b"} {
		k.widget(name, 10*(n+1))
	}
	k.want(k.post("/api/v1/namespaces", `{"metadata":{"name":"other"}}`), 201)
	k.want(k.post("/apis/test.powernode.io/v1/namespaces/other/widgets", widgetBody("far", 9)), 201)
	k.want(k.merge(widgets+"/a", `{"metadata":{"labels":{"tier":"front"}},"spec":{"colour":"blue"}}`), 200)
	k.want(k.merge(widgets+"/a/status", `{"status":{"phase":"Up","conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-01-02T03:04:05Z","reason":"Done"}]}}`), 200)
	a := k.get(widgets + "/a").object(k)
	k.want(k.post("/api/v1/namespaces/default/events", fmt.Sprintf(`{"metadata":{"name":"a.1"},
		"involvedObject":{"apiVersion":"test.powernode.io/v1","kind":"Widget","namespace":"default","name":"a","uid":%q},
		"type":"Normal","reason":"Painted","message":"it is blue now","count":1,
		"firstTimestamp":"2026-01-02T03:04:05Z","lastTimestamp":"2026-01-02T03:04:05Z","source":{"component":"painter"}}`, a.UID)), 201)
}

func (k *kubectl) discovers() {
	k.run(args("version --output=json"), `"gitVersion": "v1.32.0+powernode"`)
	k.run(args("api-versions"), "test.powernode.io/v1\n", "v1\n", "authentication.k8s.io/v1")
	k.run(args("api-resources"), "widgets", "wd", "test.powernode.io/v1", "true", "Widget", "namespaces", "ns", "secrets", "events")
	if out := k.run(args("api-resources --namespaced=false --verbs=list -o name"), "namespaces\n"); strings.Contains(out, "widgets") {
		k.Errorf("not in a namespace:\n%s", out)
	}
}

func (k *kubectl) explains() {
	k.run(args("explain widget"), "Widget", "test.powernode.io", "A Widget is something to test with.")
	k.run(args("explain widget.spec.parts"), "What it is made of.", "-required-")
	k.run(args("explain widget --recursive"), "parts", "observedGeneration")
	k.fails(args("explain widget.spec.nothing"), "nothing")
}

func (k *kubectl) getsRaw() {
	k.run(args("get --raw /healthz"), "ok")
	k.run(args("get --raw "+allWidgets), `"kind":"WidgetList"`, `"items":[`)
	k.run(args("get --raw "+widgets+"/a"), `"colour":"blue"`)
	k.fails(args("get --raw /nowhere"), "could not find the requested resource")
}

// looksForServices: there are none, and it has to end.
func (k *kubectl) looksForServices() { k.try("cluster-info") }

func (k *kubectl) getsTables() {
	k.run(args("get wd"), "NAME   SIZE   PHASE   AGE", "a      20     Up", "b      30", "c      10")
	k.run(args("get wd a"), "a      20     Up")
	k.run(args("get wd a b -o name"), "widget.test.powernode.io/a\nwidget.test.powernode.io/b")
	k.run(args("get all"), "widget.test.powernode.io/a   20")
	k.run(args("get ns"), "STATUS", "Active")
	k.run(args("get wd -A"), "NAMESPACE", "default", "other", "far")
	k.run(args("get wd --no-headers --show-kind --show-labels"), "widget.test.powernode.io/a", "tier=front")
}

func (k *kubectl) getsForms() {
	k.run(args("get wd a -o yaml"), "colour: blue", "size: 20", "kind: Widget")
	k.run(args("get wd -o json"), `"kind": "List"`, `"name": "a"`)
	k.run(args("get wd -o wide"), "COLOUR", "blue")
	k.run(args("get wd -o custom-columns=N:.metadata.name,S:.spec.size"), "N   ", "S\n", "a   ", "20\n")
	k.run([]string{"get", "wd", "-o", "jsonpath={.items[*].spec.size}"}, "20 30 10")
	k.run(args("get wd --server-print=false"), "NAME", "a")
	if out := k.run(args("get wd --sort-by .spec.size")); strings.Index(out, "\nc ") > strings.Index(out, "\na ") || strings.Index(out, "\na ") > strings.Index(out, "\nb ") {
		k.Errorf("not sorted:\n%s", out)
	}
	if out := k.run(args("get wd --chunk-size 1")); strings.Count(out, "\n") != 4 {
		k.Errorf("in pages:\n%s", out)
	}
}

func (k *kubectl) selects() {
	for _, selector := range []string{"tier=front", "tier in (front,back)", "tier!=back,tier"} {
		if out := k.run([]string{"get", "wd", "-o", "name", "-l", selector}); out != "widget.test.powernode.io/a\n" {
			k.Errorf("-l %s: %s", selector, out)
		}
	}
	for _, selector := range []string{"spec.colour=blue", "spec.colour!=red", "metadata.name=a,metadata.namespace=default"} {
		if out := k.run([]string{"get", "wd", "-o", "name", "--field-selector", selector}); out != "widget.test.powernode.io/a\n" {
			k.Errorf("--field-selector %s: %s", selector, out)
		}
	}
	k.fails(args("get wd --field-selector spec.size=1"), "field label not supported: spec.size")
	k.fails([]string{"get", "wd", "-l", "tier in"}, "unable to parse requirement")
	k.run(args("get wd -l tier=none"), "No resources found in default namespace.")
}

func (k *kubectl) misses() {
	k.fails(args("get wd nobody"), `Error from server (NotFound): widgets.test.powernode.io "nobody" not found`)
	k.fails(args("get gadgets"), `the server doesn't have a resource type "gadgets"`)
}

func (k *kubectl) describes() {
	k.run(args("describe wd a"), "Name:         a", "Painted", "it is blue now", "painter")
	k.run(args("describe wd"), "Name:         a", "Name:         c")
	k.run(args("events --for widget/a"), "Painted", "it is blue now")
	k.run(args("get events"), "LAST SEEN", "Painted")
}
