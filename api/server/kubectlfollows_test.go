package server_test

import (
	"fmt"
	"strings"
)

// watching waits until so many watches of Widgets are open.
func (k *kubectl) watching(n int) {
	k.Helper()
	eventually(k, fmt.Sprintf("%d watches", n), func() bool {
		return strings.Contains(k.get("/metrics").body, fmt.Sprintf(`powernode_api_watches{resource="widgets"} %d`, n))
	})
}

// follows goes on while others change things.
func (k *kubectl) follows() {
	all, only, named := k.background("get", "wd", "-w"), k.background("get", "wd", "--watch-only"), k.background("get", "wd", "a", "-w", "-o", "name")
	events := k.background("events", "-w")
	k.watching(3)
	k.run(args("wait --for=condition=Ready wd/a --timeout=30s"), "condition met")
	k.run([]string{"wait", "--for=jsonpath={.status.phase}=Up", "wd/a", "--timeout=30s"}, "condition met")
	k.fails(args("wait --for=condition=Ready wd/b --timeout=1s"), "timed out waiting for the condition")
	k.watching(3)
	waiting := k.background("wait", "--for=condition=Ready", "wd/b", "--timeout=50s")
	phase := k.background("wait", "--for=jsonpath={.status.phase}=Down", "wd/b", "--timeout=50s")
	k.watching(5)
	k.want(k.merge(widgets+"/b/status", `{"status":{"phase":"Down","conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-01-02T03:04:05Z","reason":"Done"}]}}`), 200)
	eventually(k, "the waits are over", func() bool {
		return strings.Contains(waiting.String(), "condition met") && strings.Contains(phase.String(), "condition met")
	})
	eventually(k, "the change is shown", func() bool {
		return strings.Contains(all.String(), "Down") && strings.Contains(only.String(), "Down")
	})
	if strings.Contains(only.String(), "c ") {
		k.Errorf("--watch-only shows what was there:\n%s", only)
	}
	eventually(k, "the event is shown", func() bool { return strings.Contains(events.String(), "Painted") })
	k.want(k.do("DELETE", widgets+"/a", ""), 200)
	eventually(k, "the watch of one sees its end", func() bool { return strings.Count(named.String(), "widget.test.powernode.io/a") >= 2 })
}

// waitsForCreate reads again and again: it is given time to have read before there is anything.
func (k *kubectl) waitsForCreate() {
	k.fails(args("wait --for=create wd/late --timeout=1s"), "timed out waiting")
	waiting := k.background("wait", "--for=create", "wd/late", "--timeout=50s")
	k.widget("late", 1)
	eventually(k, "the wait is over", func() bool { return strings.Contains(waiting.String(), "condition met") })
}

func (k *kubectl) deletes() {
	k.run(args("delete wd c --dry-run=server"), "deleted", "(server dry run)")
	k.run(args("delete wd c"), `widget.test.powernode.io "c" deleted`)
	k.fails(args("delete wd c"), "not found")
	k.run(args("delete wd c --ignore-not-found"))
	k.widget("d", 1)
	k.want(k.merge(widgets+"/d", `{"metadata":{"labels":{"tier":"front"}}}`), 200)
	k.run(args("delete wd -l tier=front --now"), `"d" deleted`)
	k.run(args("delete wd --all --grace-period=0 --force"), `"b" force deleted`)
	k.run(args("get wd"), "No resources found")
}

func (k *kubectl) deletesWhatIsHeld() {
	k.widget("held", 1)
	k.want(k.merge(widgets+"/held", `{"metadata":{"finalizers":["test.powernode.io/hold"]}}`), 200)
	deleting := k.background("delete", "wd", "held")
	eventually(k, "the mark", func() bool { return k.get(widgets+"/held").object(k).DeletionTimestamp != nil })
	gone := k.background("wait", "--for=delete", "--timeout=50s", "wd/held")
	k.watching(2)
	if strings.Contains(gone.String(), "condition met") {
		k.Errorf("wait for the end did not wait: %s", gone)
	}
	k.want(k.merge(widgets+"/held", `{"metadata":{"finalizers":null}}`), 200)
	eventually(k, "the wait is over", func() bool { return strings.Contains(gone.String(), "condition met") })
	eventually(k, "delete ends", func() bool { return strings.Contains(deleting.String(), `"held" deleted`) })
}

func (k *kubectl) cascades() {
	there := func(name string) bool { return k.get("/api/v1/namespaces/default/configmaps/"+name).code == 200 }
	k.owned("b", k.widget("background", 1), true)
	k.run(args("delete wd background"), "deleted")
	eventually(k, "the dependent is gone", func() bool { return !there("b") })

	k.owned("f", k.widget("foreground", 1), true, "test.io/hold")
	deleting := k.background("delete", "wd", "foreground", "--cascade=foreground")
	eventually(k, "the dependent is marked", func() bool {
		return k.get("/api/v1/namespaces/default/configmaps/f").object(k).DeletionTimestamp != nil
	})
	if !strings.Contains(k.get(widgets+"/foreground").body, `"foregroundDeletion"`) {
		k.Error("the owner does not wait")
	}
	k.want(k.merge("/api/v1/namespaces/default/configmaps/f", `{"metadata":{"finalizers":null}}`), 200)
	eventually(k, "delete ends", func() bool { return strings.Contains(deleting.String(), `"foreground" deleted`) })
	eventually(k, "both are gone", func() bool { return !there("f") && k.get(widgets+"/foreground").code == 404 })

	k.owned("o", k.widget("orphan", 1), true)
	k.run(args("delete wd orphan --cascade=orphan --wait=true"), "deleted")
	if obj := k.want(k.get("/api/v1/namespaces/default/configmaps/o"), 200).object(k); len(obj.OwnerReferences) != 0 {
		k.Errorf("owners: %+v", obj.OwnerReferences)
	}
	k.fails(args("delete wd orphan --cascade=sideways"), "invalid cascade")
}
