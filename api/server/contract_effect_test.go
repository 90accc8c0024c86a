package server_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/powernode/powernode/api"
)

// When a generation moves, and which part of an object a write is about.
func TestGenerationAndStatus(t *testing.T) {
	h := start(t)
	h.widget("a", 1)
	want := func(a answer, generation int64, spec, status string) *api.Object {
		t.Helper()
		obj := h.want(a, 200).object(t)
		if obj.Generation != generation || string(obj.Spec) != spec || string(obj.Status) != status {
			t.Errorf("got generation %d, spec %s, status %s", obj.Generation, obj.Spec, obj.Status)
		}
		return obj
	}
	const one, two = `{"colour":"red","size":1}`, `{"colour":"red","size":2}`
	want(h.merge(widgets+"/a", `{"metadata":{"labels":{"a":"b"},"generation":9},"status":{"phase":"x"}}`), 1, one, "")
	want(h.merge(widgets+"/a/status", `{"status":{"phase":"x"},"spec":{"size":5}}`), 1, one, `{"phase":"x"}`)
	got := want(h.merge(widgets+"/a", `{"spec":{"size":2},"status":null}`), 2, two, `{"phase":"x"}`)
	got = want(h.put(widgets+"/a/status", fmt.Sprintf(`{"metadata":{"name":"a","resourceVersion":%q,"labels":{}},"spec":{"size":"wrong"},"status":{"phase":"y"}}`, got.ResourceVersion)), 2, two, `{"phase":"y"}`)
	if len(got.Labels) != 1 {
		t.Errorf("a write to the status changed labels: %v", got.Labels)
	}
	want(h.put(widgets+"/a/status", fmt.Sprintf(`{"metadata":{"name":"a","resourceVersion":%q}}`, got.ResourceVersion)), 2, two, "")
}

// A dry run answers what would be, and does nothing: no revision, no event.
func TestDryRunOfEveryVerb(t *testing.T) {
	h := start(t, withFleets(t))
	h.widget("a", 1)
	h.want(h.post(widgets, `{"metadata":{"name":"held","finalizers":["x/y"]},"spec":{"size":1}}`), 201)
	h.want(h.post(fleets, fleetBody("f", `{"ships":1}`)), 201)
	h.want(h.post(configs, `{"metadata":{"name":"c"},"data":{"k":"v"}}`), 201)
	live := h.get(widgets + "/a").object(t)
	before, err := h.store.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := h.stream(allWidgets + "?watch=1&resourceVersion=" + before.String())
	dry := func(method, path, media, body string) answer {
		return h.do(method, path+"?dryRun=All&fieldManager=dry", body, "Content-Type", media)
	}
	for _, c := range []struct {
		name string
		answer
		code int
		part string
	}{
		{"create", dry("POST", widgets, jsonMedia, widgetBody("new", 3)), 201, `"generation":1`},
		{"put", dry("PUT", widgets+"/a", jsonMedia, `{"metadata":{"name":"a","resourceVersion":"`+live.ResourceVersion+`"},"spec":{"size":3}}`), 200, `"generation":2`},
		{"merge", dry("PATCH", widgets+"/a", mergePatch, `{"spec":{"size":3}}`), 200, `"size":3`},
		{"JSON", dry("PATCH", widgets+"/a", jsonPatch, `[{"op":"replace","path":"/spec/size","value":3}]`), 200, `"generation":2`},
		{"strategic", dry("PATCH", configs+"/c", strategic, `{"data":{"k":"w"}}`), 200, `"k":"w"`},
		{"apply", h.do("PATCH", widgets+"/a?dryRun=All&fieldManager=dry&force=true", fmt.Sprintf(`{%s,"spec":{"size":3}}`, widgetHead), "Content-Type", applyPatch), 200, `"manager":"dry"`},
		{"apply of what is not there", dry("PATCH", widgets+"/new", applyPatch, widgetBody("new", 3)), 201, `"uid":`},
		{"status", dry("PATCH", widgets+"/a/status", mergePatch, `{"status":{"phase":"x"}}`), 200, `"phase":"x"`},
		{"scale", dry("PATCH", fleets+"/f/scale", mergePatch, `{"spec":{"replicas":3}}`), 200, `"replicas":3`},
		{"delete", dry("DELETE", widgets+"/a", jsonMedia, ``), 200, `"status":"Success"`},
		{"delete of what is held", dry("DELETE", widgets+"/held", jsonMedia, ``), 200, `"deletionTimestamp"`},
		{"delete by options", h.do("DELETE", widgets+"/a", `{"dryRun":["All"]}`, "Content-Type", jsonMedia), 200, `"status":"Success"`},
		{"delete all", dry("DELETE", widgets, jsonMedia, ``), 200, `"name":"held"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := *h
			h.TB = t
			contains(t, c.name, h.want(c.answer, c.code).body, c.part)
		})
	}
	if after, err := h.store.Revision(t.Context()); err != nil || after != before {
		t.Fatalf("something was stored: %d, %d, %v", before, after, err)
	}
	h.widget("next", 1)
	contains(t, "the first event", string(w.next("ADDED").Object), `"name":"next"`)
}

func TestTheLastFinalizerLetsGo(t *testing.T) {
	h := start(t)
	made := h.want(h.post(widgets, `{"metadata":{"name":"a","finalizers":["x/y"]},"spec":{"size":1}}`), 201).object(t)
	marked := h.want(h.do("DELETE", widgets+"/a", ""), 200).object(t)
	if marked.DeletionTimestamp == nil || marked.Generation != 2 || *marked.DeletionGracePeriodSeconds != 0 {
		t.Errorf("marked %+v", marked.ObjectMeta)
	}
	h.refused(h.merge(widgets+"/a", `{"metadata":{"finalizers":["x/y","x/z"]}}`), 422, "Invalid", "metadata.finalizers: Forbidden")
	again := h.want(h.do("DELETE", widgets+"/a", ""), 200).object(t)
	if again.ResourceVersion != marked.ResourceVersion {
		t.Errorf("a second delete took a revision")
	}
	w := h.stream(allWidgets + "?watch=1&resourceVersion=" + marked.ResourceVersion)
	gone := h.want(h.merge(widgets+"/a", `{"metadata":{"finalizers":null}}`), 200).object(t)
	if gone.UID != made.UID {
		t.Errorf("got %+v", gone.ObjectMeta)
	}
	contains(t, "event", string(w.next("DELETED").Object), `"name":"a"`)
	h.want(h.get(widgets+"/a"), 404)
}

// Unknown fields are warned of and dropped unless the client wants otherwise, by whatever way they come.
func TestFieldValidationOfEveryWay(t *testing.T) {
	h := start(t)
	a := h.widget("a", 1)
	rv := a.ResourceVersion
	for name, send := range map[string]func(query string) answer{
		"create": func(q string) answer {
			return h.post(widgets+"?dryRun=All&"+q, `{"metadata":{"name":"n"},"spec":{"size":1,"size":2,"x":1}}`)
		},
		"create by YAML": func(q string) answer {
			return h.do("POST", widgets+"?dryRun=All&"+q, "metadata: {name: new}\nspec: {size: 1, x: 1}\nspec: {size: 2, x: 1}\n", "Content-Type", yamlMedia)
		},
		"put": func(q string) answer {
			return h.put(widgets+"/a?dryRun=All&"+q, `{"metadata":{"name":"a","resourceVersion":"`+rv+`"},"spec":{"size":1,"size":2,"x":1}}`)
		},
		"merge": func(q string) answer {
			return h.merge(widgets+"/a?dryRun=All&"+q, `{"spec":{"size":1,"size":2,"x":1}}`)
		},
		"JSON": func(q string) answer {
			return h.do("PATCH", widgets+"/a?dryRun=All&"+q, `[{"op":"add","path":"/spec/x","value":1,"more":2}]`, "Content-Type", jsonPatch)
		},
		"apply": func(q string) answer {
			return h.do("PATCH", widgets+"/a?fieldManager=m&dryRun=All&"+q, `{`+widgetHead+`,"spec":{"size":2,"size":1,"x":1}}`, "Content-Type", applyPatch)
		},
		"status": func(q string) answer {
			return h.merge(widgets+"/a/status?dryRun=All&"+q, `{"status":{"phase":"a","phase":"b","x":1}}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h.refused(send("fieldValidation=Strict"), 400, "BadRequest", "unknown field")
			if w := send("fieldValidation=Ignore"); w.code >= 300 || len(w.header.Values("Warning")) != 0 {
				t.Errorf("ignore: %s %q", w, w.header.Values("Warning"))
			}
			for _, q := range []string{"", "fieldValidation=Warn"} {
				got := send(q)
				if w := got.header.Values("Warning"); got.code >= 300 || len(w) != 2 || !strings.Contains(fmt.Sprint(w), "unknown field") {
					t.Errorf("warn: %s %q", got, w)
				}
				if strings.Contains(got.body, `"x":`) {
					t.Errorf("kept: %s", got)
				}
			}
		})
	}
	h.refused(h.merge(widgets+"/a?fieldValidation=Maybe", `{}`), 422, "Invalid", "fieldValidation: Unsupported value")
}

func TestYAMLBodies(t *testing.T) {
	h := start(t)
	got := h.want(h.do("POST", widgets, "apiVersion: test.powernode.io/v1\nkind: Widget\nmetadata: {name: a}\nspec:\n  size: 4\n", "Content-Type", yamlMedia), 201).object(t)
	put := "metadata: {name: a, resourceVersion: '" + got.ResourceVersion + "'}\nspec: {size: 5}\n"
	contains(t, "put", h.want(h.do("PUT", widgets+"/a", put, "Content-Type", yamlMedia), 200).body, `"size":5`)
	contains(t, "apply", h.want(h.do("PATCH", widgets+"/b?fieldManager=m", "apiVersion: test.powernode.io/v1\nkind: Widget\nmetadata: {name: b}\nspec: {size: 6}\n", "Content-Type", applyPatch), 201).body, `"size":6`)
}

func TestEmbeddedObjectsKeepTheirMetadata(t *testing.T) {
	h := start(t, withFleets(t))
	got := h.want(h.post(fleets, fleetBody("a", `{"template":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","labels":{"a":"b"}},"spec":{"any":[1]}},"extra":{"deep":{"x":null,"y":1}},"size":"big"}`)), 201).object(t)
	var spec struct {
		Template map[string]any
		Extra    map[string]any
	}
	if err := json.Unmarshal(got.Spec, &spec); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(spec.Template["metadata"]) != "map[labels:map[a:b] name:p]" || fmt.Sprint(spec.Template["spec"]) != "map[any:[1]]" || fmt.Sprint(spec.Extra["deep"]) != "map[x:<nil> y:1]" {
		t.Errorf("got %s", got.Spec)
	}
}

// Nobody's patch is lost when many patch one object at once; each is tried again.
func TestPatchesUnderContention(t *testing.T) {
	h := start(t)
	h.widget("a", 1)
	var wg sync.WaitGroup
	codes := make([]int, 20)
	for i := range codes {
		wg.Go(func() {
			codes[i] = h.merge(widgets+"/a", fmt.Sprintf(`{"metadata":{"labels":{"l%d":"x"}}}`, i)).code
		})
	}
	wg.Wait()
	labels, ok := h.get(widgets+"/a").object(t).Labels, 0
	for i, code := range codes {
		switch _, there := labels[fmt.Sprintf("l%d", i)]; {
		case code == 200 && there:
			ok++
		case code != 409 || there:
			t.Errorf("patch %d was answered %d, there: %t", i, code, there)
		}
	}
	if ok < 5 {
		t.Errorf("only %d came through", ok)
	}
}
