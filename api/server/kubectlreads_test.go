package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/powernode/powernode/api/server"
)

// everyKubectl runs a session with each kubectl from 1.27 to 1.33 that is there: the one on the PATH of some
// machines runs that which the server's version asks for.
func everyKubectl(t *testing.T, session func(k *kubectl)) {
	for minor := 27; minor <= 33; minor++ {
		t.Run(fmt.Sprintf("1.%d", minor), func(t *testing.T) {
			k := startKubectl(t, func(c *server.Config) { c.GitVersion = fmt.Sprintf("v1.%d.0+powernode", minor) })
			out := k.run(args("version"))
			if !strings.Contains(out, fmt.Sprintf("Client Version: v1.%d", minor)) && !strings.Contains(out, fmt.Sprintf(`Client Version: version.Info{Major:"1", Minor:"%d"`, minor)) {
				t.Skipf("no such kubectl here: %s", out)
			}
			session(k)
		})
	}
}

// prepare makes three Widgets and an Event about one.
func (k *kubectl) prepare() {
	k.Helper()
	for n, name := range []string{"c", "a", "b"} {
		k.widget(name, 10*(n+1))
	}
	k.want(k.merge(widgets+"/a", `{"metadata":{"labels":{"tier":"front"}},"spec":{"colour":"blue"}}`), 200)
	k.want(k.merge(widgets+"/a/status", `{"status":{"phase":"Up","conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-01-02T03:04:05Z","reason":"Done"}]}}`), 200)
	a := k.get(widgets + "/a").object(k)
	k.want(k.post("/api/v1/namespaces/default/events", fmt.Sprintf(`{"metadata":{"name":"a.1"},
		"involvedObject":{"apiVersion":"test.powernode.io/v1","kind":"Widget","namespace":"default","name":"a","uid":%q},
		"type":"Normal","reason":"Painted","message":"it is blue now","count":1,
		"firstTimestamp":"2026-01-02T03:04:05Z","lastTimestamp":"2026-01-02T03:04:05Z","source":{"component":"painter"}}`, a.UID)), 201)
}

// Every row of the table of reads, with every kubectl.
func TestEveryKubectlReads(t *testing.T) {
	everyKubectl(t, func(k *kubectl) {
		k.prepare()
		k.run(args("get wd"), "NAME   SIZE   PHASE   AGE", "a      20     Up", "b      30", "c      10")
		k.run(args("get wd a"), "a      20     Up")
		k.run(args("get wd a b -o name"), "widget.test.powernode.io/a\nwidget.test.powernode.io/b")
		k.run(args("get wd a -o yaml"), "colour: blue", "kind: Widget")
		k.run(args("get wd -o json"), `"kind": "List"`, `"name": "a"`)
		k.run(args("get wd -o wide"), "COLOUR", "blue")
		k.run(args("get wd -o custom-columns=N:.metadata.name,S:.spec.size"), "N     S", "a     20")
		k.run([]string{"get", "wd", "-o", "jsonpath={.items[*].spec.size}"}, "20 30 10")
		k.run(args("get wd --server-print=false"), "NAME", "a")
		k.run(args("get wd --no-headers --show-kind --show-labels"), "widget.test.powernode.io/a", "tier=front")
		if out := k.run(args("get wd --sort-by .spec.size")); strings.Index(out, "\nc ") > strings.Index(out, "\na ") || strings.Index(out, "\na ") > strings.Index(out, "\nb ") {
			k.Errorf("not sorted:\n%s", out)
		}
		if out := k.run(args("get wd --chunk-size 1")); strings.Count(out, "\n") != 4 {
			k.Errorf("in pages:\n%s", out)
		}
		k.run(args("get wd -A"), "NAMESPACE", "default")
		for _, selector := range []string{"tier=front", "tier", "tier in (front,back)", "tier!=back,tier"} {
			if out := k.run([]string{"get", "wd", "-o", "name", "-l", selector}); out != "widget.test.powernode.io/a\n" {
				k.Errorf("-l %s: %s", selector, out)
			}
		}
		for _, selector := range []string{"metadata.name=a", "spec.colour=blue", "spec.colour!=red", "metadata.name=a,metadata.namespace=default"} {
			if out := k.run([]string{"get", "wd", "-o", "name", "--field-selector", selector}); out != "widget.test.powernode.io/a\n" {
				k.Errorf("--field-selector %s: %s", selector, out)
			}
		}
		k.fails(args("get wd --field-selector spec.size=1"), "field label not supported: spec.size")
		k.fails([]string{"get", "wd", "-l", "tier in"}, "unable to parse requirement")
		k.run(args("get wd -l tier=none"), "No resources found in default namespace.")
		k.fails(args("get wd nobody"), `Error from server (NotFound): widgets.test.powernode.io "nobody" not found`)
		k.fails(args("get gadgets"), `the server doesn't have a resource type "gadgets"`)
		k.run(args("describe wd a"), "Name:         a", "Painted", "it is blue now", "painter")
		k.run(args("describe wd"), "Name:         a", "Name:         c")
		k.run(args("events --for widget/a"), "Painted", "it is blue now")
		k.run(args("events"), "Painted")
		k.run(args("get events"), "LAST SEEN", "Painted")
		k.run(args("explain widget.spec.parts"), "What it is made of.")
		k.run(args("api-resources --namespaced=true"), "widgets", "wd", "test.powernode.io/v1", "Widget")
		k.run(args("api-versions"), "test.powernode.io/v1\n", "v1\n")
		k.run(args("get --raw /readyz"), "ok")
		k.run(args("get --raw "+widgets+"/a"), `"colour":"blue"`)
		k.fails(args("get --raw /nowhere"), "could not find the requested resource")
		k.try("cluster-info") // knows Services only; must end
		k.run(args("get all"), "a      20")
	})
}

// Following, waiting and deleting, with every kubectl.
func TestEveryKubectlWaitsAndDeletes(t *testing.T) {
	everyKubectl(t, func(k *kubectl) {
		k.prepare()
		all, only, named := k.background("get", "wd", "-w"), k.background("get", "wd", "--watch-only"), k.background("get", "wd", "a", "-w", "-o", "name")
		events := k.background("events", "-w")
		eventually(k, "four watches", func() bool {
			body := k.get("/metrics").body
			return strings.Contains(body, `powernode_api_watches{resource="widgets"} 3`) && strings.Contains(body, `powernode_api_watches{resource="events"} 1`)
		})
		k.run(args("wait --for=condition=Ready wd/a --timeout=30s"), "condition met")
		k.run([]string{"wait", "--for=jsonpath={.status.phase}=Up", "wd/a", "--timeout=30s"}, "condition met")
		k.fails(args("wait --for=condition=Ready wd/b --timeout=1s"), "timed out waiting for the condition")
		waiting := k.background("wait", "--for=condition=Ready", "wd/b", "--timeout=50s")
		eventually(k, "the wait watches", func() bool {
			return strings.Contains(k.get("/metrics").body, `powernode_api_watches{resource="widgets"} 4`)
		})
		k.want(k.merge(widgets+"/b/status", `{"status":{"phase":"Down","conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-01-02T03:04:05Z","reason":"Done"}]}}`), 200)
		eventually(k, "the wait is over", func() bool { return strings.Contains(waiting.String(), "condition met") })
		eventually(k, "the change is shown", func() bool {
			return strings.Contains(all.String(), "Down") && strings.Contains(only.String(), "Down")
		})
		if strings.Contains(only.String(), "c ") {
			k.Errorf("--watch-only shows what was there:\n%s", only)
		}
		eventually(k, "the event is shown", func() bool { return strings.Contains(events.String(), "Painted") })

		gone := k.background("wait", "--for=delete", "wd/c", "--timeout=50s")
		eventually(k, "the wait watches", func() bool {
			return strings.Contains(k.get("/metrics").body, `powernode_api_watches{resource="widgets"} 4`)
		})
		k.run(args("delete wd c --dry-run=server"), "deleted (server dry run)")
		k.run(args("delete wd c"), `widget.test.powernode.io "c" deleted`)
		eventually(k, "the wait is over", func() bool { return strings.Contains(gone.String(), "condition met") })
		k.fails(args("delete wd c"), "not found")
		k.run(args("delete wd c --ignore-not-found"))
		k.run(args("delete wd -l tier=front --now"), `"a" deleted`)
		eventually(k, "the watch of one sees its end", func() bool { return strings.Count(named.String(), "widget.test.powernode.io/a") >= 2 })
		k.run(args("delete wd --all --grace-period=0 --force"), `"b" force deleted`)
		k.run(args("get wd"), "No resources found")
		if out, ok := k.try("wait", "--for=create", "wd/late", "--timeout=1s"); ok {
			k.Errorf("wait for what does not come: %s", out)
		}
	})
}
