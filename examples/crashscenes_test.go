package examples

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
)

// Where the objects of these tests are.
const (
	inDefault  = "/api/v1/namespaces/default/"
	configMaps = inDefault + "configmaps"
	secrets    = inDefault + "secrets"
	ours       = "/apis/powernode.io/v1/namespaces/default/"
	pipelines  = ours + "pipelines"
	runs       = ours + "pipelineruns"
	instances  = ours + "containerinstances"
)

// scene is one thing that somebody wants of a server, and what must have come of it in the end, though the
// server died in between.
type scene struct {
	// before prepares it; nil when there is nothing to.
	before func(c *crashing, name string)
	// do asks for it. The server may die before it answers.
	do func(c *crashing, name string)
	// again asks once more, as a client does that got no answer, and checks what there is then.
	again func(c *crashing, name string)
}

func named(name, rest string) string {
	return fmt.Sprintf(`{"metadata":{"name":%q}%s}`, name, rest)
}

func path(collection, name string) string { return collection + "/" + name }

// creating makes an object, once, however often it is asked for.
func creating(kind, collection, rest string, then func(c *crashing, name string)) scene {
	return scene{
		do: func(c *crashing, name string) { c.call("POST", collection, named(name, rest)) },
		again: func(c *crashing, name string) {
			c.want("POST", collection, named(name, rest), http.StatusCreated, http.StatusConflict)
			c.wholly(kind, name, "create", 1)
			if then != nil {
				then(c, name)
			}
		},
	}
}

// wholly checks that the database has a write in all of its places or in none: the object as the log of changes
// has it last, and as many records of a verb as there were writes.
func (c *crashing) wholly(kind, name, verb string, writes int) {
	c.t.Helper()
	const query = `SELECT coalesce((SELECT rev FROM objects WHERE kind = '%[1]s' AND name = '%[2]s'), 0) =
			coalesce((SELECT CASE op WHEN 'D' THEN 0 ELSE rev END FROM changes AS c WHERE kind = '%[1]s' AND name = '%[2]s' ORDER BY c.rev DESC LIMIT 1), 0),
		(SELECT count(*) FROM audit WHERE name = '%[2]s' AND verb = '%[3]s' AND code < 300),
		(SELECT count(*) FROM (SELECT generation FROM versions WHERE kind = '%[1]s' AND name = '%[2]s' GROUP BY generation HAVING count(*) > 1) AS twice)`
	if got, want := c.row(query, kind, name, verb), fmt.Sprintf("t|%d|0", writes); got != want {
		c.t.Errorf("%s %s: object and log agree, records of %s, versions kept twice: %s, want %s", kind, name, verb, got, want)
	}
}

func aConfigMap() scene {
	return creating("ConfigMap", configMaps, `,"data":{"k":"v"}`, func(c *crashing, name string) {
		if got := c.field(path(configMaps, name), "data", "k"); got != "v" {
			c.t.Errorf("%s has %q", name, got)
		}
	})
}

func aSecret() scene {
	return creating("Secret", secrets, `,"stringData":{"k":"v"}`, func(c *crashing, name string) {
		if got := c.field(path(secrets, name), "data", "k"); got != "dg==" {
			c.t.Errorf("%s has %q", name, got)
		}
	})
}

// swap is an update of one state, which is done once or refused.
func swap() scene {
	return scene{
		before: func(c *crashing, name string) {
			c.want("POST", configMaps, named(name, `,"data":{"k":"old"}`), http.StatusCreated)
		},
		do: func(c *crashing, name string) { c.call("PUT", path(configMaps, name), c.swapped(name)) },
		again: func(c *crashing, name string) {
			body := fmt.Sprintf(`{"metadata":{"name":%q,"resourceVersion":%q},"data":{"k":"new"}}`, name, c.firstVersion(name))
			c.want("PUT", path(configMaps, name), body, http.StatusOK, http.StatusConflict)
			if got := c.field(path(configMaps, name), "data", "k"); got != "new" {
				c.t.Errorf("%s has %q", name, got)
			}
			c.wholly("ConfigMap", name, "update", 1)
		},
	}
}

func (c *crashing) swapped(name string) string {
	return fmt.Sprintf(`{"metadata":{"name":%q,"resourceVersion":%q},"data":{"k":"new"}}`, name, c.field(path(configMaps, name), "metadata", "resourceVersion"))
}

// firstVersion is the resourceVersion that an object was made with.
func (c *crashing) firstVersion(name string) string {
	return c.row(`SELECT min(rev) FROM changes WHERE kind = 'ConfigMap' AND name = '%s'`, name)
}

// refusal is a call that changes nothing, and is recorded. Its record may be lost with the answer, or there once for each call.
func refusal() scene {
	return scene{
		do: func(c *crashing, name string) { c.call("POST", configMaps, named(name, `,"data":7`)) },
		again: func(c *crashing, name string) {
			c.want("POST", configMaps, named(name, `,"data":7`), http.StatusBadRequest, http.StatusUnprocessableEntity)
			got := c.row(`SELECT count(*) FROM audit WHERE name = '%s' AND code >= 400`, name)
			if got != "1" && got != "2" {
				c.t.Errorf("%s records of two refusals", got)
			}
			c.wholly("ConfigMap", name, "create", 0)
		},
	}
}

const pipelineSpec = `,"spec":{"steps":[{"name":"only","type":"custom","with":{"run":"echo done"}}]}`

// isReady waits until the controller has seen the last wish of its owner through.
func isReady(collection string) func(c *crashing, name string) {
	return func(c *crashing, name string) {
		c.t.Helper()
		eventually(c.t, name+" is ready", func() error {
			at := path(collection, name)
			if got := c.field(at, "status", "conditions"); !strings.Contains(got, "status:True type:Ready") {
				return fmt.Errorf("its conditions are %s", got)
			}
			return nil
		})
	}
}

// worked is an object that a controller works on.
func worked() scene {
	return creating("Pipeline.powernode.io", pipelines, pipelineSpec, func(c *crashing, name string) {
		isReady(pipelines)(c, name)
		c.wholly("Pipeline.powernode.io", name, "create", 1)
		// What the owner is told is told once; it is lost when the server dies between the status and the telling.
		if n := c.row(`SELECT count(*) FROM objects WHERE kind = 'Event' AND name LIKE '%s.%%'`, name); n != "0" && n != "1" && !c.failing {
			c.t.Errorf("%s events about %s", n, name)
		}
	})
}

// released is the end of such an object.
func released() scene {
	return scene{
		before: func(c *crashing, name string) {
			worked().do(c, name)
			isReady(pipelines)(c, name)
		},
		do:    func(c *crashing, name string) { c.call("DELETE", path(pipelines, name), "") },
		again: deletedFrom("Pipeline.powernode.io", pipelines),
	}
}

func deletedFrom(kind, collection string) func(c *crashing, name string) {
	return func(c *crashing, name string) {
		c.want("DELETE", path(collection, name), "", http.StatusOK, http.StatusNotFound, http.StatusConflict)
		c.gone(path(collection, name))
		c.wholly(kind, name, "create", 1)
	}
}

// ran is a run of a pipeline, whose step is done exactly once, whatever dies.
func ran() scene {
	return scene{
		before: func(c *crashing, name string) {
			spec := fmt.Sprintf(`,"spec":{"steps":[{"name":"only","type":"custom","with":{"run":"echo once >> %s/%s.done"}}]}`, c.dir, name)
			c.want("POST", pipelines, named(name, spec), http.StatusCreated)
		},
		do: func(c *crashing, name string) { c.call("POST", runs, runOf(name)) },
		again: func(c *crashing, name string) {
			c.want("POST", runs, runOf(name), http.StatusCreated, http.StatusConflict)
			c.becomes(path(runs, name), "success", "status", "phase")
			if done := run(c.t, "cat "+c.dir+"/"+name+".done"); done != "once" {
				c.t.Errorf("the step of %s was done: %q", name, done)
			}
		},
	}
}

func runOf(name string) string {
	return named(name, fmt.Sprintf(`,"spec":{"pipelineRef":{"name":%q}}`, name))
}

// contained is a service in a container, of which there is one in the end.
func contained() scene {
	return scene{
		before: func(c *crashing, _ string) {
			c.want("POST", ours+"dockerhosts", named("local", `,"spec":{"endpoint":"unix:///var/run/docker.sock","autoSync":false}`), http.StatusCreated, http.StatusConflict)
			c.becomes(path(ours+"dockerhosts", "local"), "connected", "status", "phase")
		},
		do: func(c *crashing, name string) { c.call("POST", instances, c.instance(name)) },
		again: func(c *crashing, name string) {
			c.want("POST", instances, c.instance(name), http.StatusCreated, http.StatusConflict)
			c.becomes(path(instances, name), "running", "status", "phase")
			uid := c.field(path(instances, name), "metadata", "uid")
			if all := containers(c.t, uid, true); len(all) != 1 {
				c.t.Errorf("%s has containers %v, want one", name, all)
			}
			uncontained().again(c, name)
		},
	}
}

// uncontained is the end of such a service.
func uncontained() scene {
	return scene{
		before: func(c *crashing, name string) {
			contained().before(c, name)
			contained().do(c, name)
			c.becomes(path(instances, name), "running", "status", "phase")
		},
		do: func(c *crashing, name string) { c.call("DELETE", path(instances, name), "") },
		again: func(c *crashing, name string) {
			deletedFrom("ContainerInstance.powernode.io", instances)(c, name)
			if left := run(c.t, "docker ps -aq --filter label=powernode.io/name="+name); left != "" {
				c.t.Errorf("%s left containers behind: %s", name, left)
			}
		},
	}
}

func (c *crashing) instance(name string) string {
	return named(name, fmt.Sprintf(`,"spec":{"hostRef":{"name":"local"},"image":%q,"args":["serve",":8080"],"pullPolicy":"Never","run":"Service"}`, c.image))
}

// begun is the start of a server, after which objects are worked on.
func begun() scene {
	return scene{
		do: func(c *crashing, _ string) {
			c.t.Helper()
			c.kill()
			c.launch()
		},
		again: func(c *crashing, name string) { worked().again(c, name) },
	}
}

// ended is the end of a server on SIGTERM, after which the next one takes its work over.
func ended() scene {
	return scene{
		do: func(c *crashing, _ string) {
			c.told = true
			if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				c.t.Error(err)
			}
		},
		again: func(c *crashing, name string) { worked().again(c, name) },
	}
}
