package schemas_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/powernode/powernode/api"
	v1 "github.com/powernode/powernode/api/v1"
	"github.com/powernode/powernode/schemas"
)

func object(t testing.TB, doc string) *api.Object {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	o := &api.Object{}
	if err := json.Unmarshal(raw, o); err != nil {
		t.Fatal(err)
	}
	return o
}

// row is a table of one object: "NAME=value" for each cell that is not empty.
func row(k *schemas.Kind, o *api.Object, now time.Time) (cells []string) {
	for i, value := range k.Cells(o, now) {
		c := k.Columns[i]
		name := strings.ToUpper(c.Name)
		if c.Priority > 0 {
			name = strings.ToLower(c.Name)
		}
		if value != nil {
			cells = append(cells, fmt.Sprintf("%s=%v", name, value))
		}
	}
	return cells
}

func TestCellsShowWhatAPersonLooksFor(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for rule, test := range map[string]struct {
		kind, doc string
		want      []string
	}{
		"a secret": {"Secret", "{metadata: {name: s, creationTimestamp: '2026-01-02T03:04:00Z'}, type: Opaque, data: {a: YQ==, b: Yg==}}",
			[]string{"NAME=s", "TYPE=Opaque", "DATA=2", "AGE=5s"}},
		"a container that waits": {v1.ContainerInstance, `
metadata: {name: web}
spec: {run: Service, hostRef: {name: local}, image: i}
status: {phase: pending, conditions: [{type: Ready, status: "False", reason: HostMissing}, {type: Reconciling, status: "True", reason: HostMissing, message: no host}]}`,
			[]string{"NAME=web", "RUN=Service", "PHASE=pending", "REASON=HostMissing", "HOST=local", "image=i", "message=no host"}},
		"a container that is well": {v1.ContainerInstance, `
metadata: {name: web}
spec: {run: Service, hostRef: {name: local}, image: i}
status: {phase: running, conditions: [{type: Ready, status: "True", reason: Reconciled}]}`,
			[]string{"NAME=web", "RUN=Service", "PHASE=running", "HOST=local", "image=i"}},
		"an empty secret": {"Secret", "{metadata: {name: s}, type: Opaque}", []string{"NAME=s", "TYPE=Opaque", "DATA=0"}},
		"a config map": {"ConfigMap", "{metadata: {name: c, creationTimestamp: '2026-01-01T03:04:05Z'}, data: {a: b}, binaryData: {c: Yg==, d: Yg==}}",
			[]string{"NAME=c", "DATA=3", "AGE=24h"}},
		"a namespace": {"Namespace", "{metadata: {name: default, creationTimestamp: '2025-12-02T03:04:05Z'}, status: {phase: Active}}",
			[]string{"NAME=default", "STATUS=Active", "AGE=31d"}},
		"an event of the old kind": {"Event", `
metadata: {name: e.1}
type: Warning
reason: Failed
message: no such image
involvedObject: {kind: ContainerInstance, name: web, fieldPath: spec.image}
source: {component: docker, host: here}
count: 3
firstTimestamp: '2026-01-02T02:04:05Z'
lastTimestamp: '2026-01-02T03:03:05Z'
eventTime: null`,
			[]string{"LAST SEEN=60s", "TYPE=Warning", "REASON=Failed", "OBJECT=containerinstance/web", "subobject=spec.image", "source=docker, here", "MESSAGE=no such image", "first seen=60m", "count=3", "name=e.1"}},
		"an event of the new kind": {"Event", `
metadata: {name: e.2}
involvedObject: {kind: Node}
source: {}
reportingComponent: powernode
reportingInstance: a
eventTime: '2026-01-02T03:03:05.000001Z'`,
			[]string{"LAST SEEN=59s", "OBJECT=node", "source=powernode, a", "first seen=59s", "count=1", "name=e.2"}},
		"an event that goes on": {"Event", `
metadata: {name: e.3}
involvedObject: {kind: Node, name: one}
count: 1
series: {count: 9, lastObservedTime: '2026-01-02T03:04:04.000000Z'}
eventTime: '2026-01-02T03:03:05.000001Z'`,
			[]string{"LAST SEEN=1s", "OBJECT=node/one", "first seen=59s", "count=9", "name=e.3"}},
	} {
		t.Run(rule, func(t *testing.T) {
			if got := row(builtin(t, test.kind), object(t, test.doc), now); !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// columned is a kind with the given printer columns, in YAML flow style.
func columned(t testing.TB, columns string) *schemas.Kind {
	t.Helper()
	doc := strings.Replace(definition("{type: object, x-kubernetes-preserve-unknown-fields: true}"), "      schema:", "      additionalPrinterColumns: "+columns+"\n      schema:", 1)
	k, err := schemas.Parse([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestCellsByType(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	o := object(t, `
apiVersion: example.com/v1
kind: Widget
metadata: {name: w, labels: {a/b.c: d}, creationTimestamp: '2026-01-02T03:04:05Z'}
spec: {int: 3, float: 1.5, sure: true, text: a, list: [a, b], map: {a: 1}, none: null, later: '2026-01-02T03:09:05Z', bad: never,
       steps: [{name: one, ok: true}, {name: two}]}`)
	for path, want := range map[string]map[string]any{
		".spec.int":                             {"integer": int64(3), "number": 3.0, "string": "3", "boolean": nil, "date": nil},
		".spec.float":                           {"integer": int64(1), "number": 1.5, "string": "1.5"},
		".spec.sure":                            {"boolean": true, "string": "true", "integer": nil},
		".spec.text":                            {"string": "a", "integer": nil, "boolean": nil},
		".spec.list":                            {"string": "a,b", "integer": nil},
		".spec.map":                             {"string": `{"a":1}`},
		".spec.none":                            {"string": nil, "integer": nil, "date": nil},
		".spec.absent.deep":                     {"string": nil},
		".spec.text.deep":                       {"string": nil},
		".status.phase":                         {"string": nil},
		".spec.later":                           {"date": "in 5m", "string": "2026-01-02T03:09:05Z"},
		".spec.bad":                             {"date": "<invalid>"},
		".spec.steps[*].name":                   {"string": "one,two"},
		".spec.steps[0].name":                   {"string": "one"},
		".spec.steps[9].name":                   {"string": nil},
		".spec.steps[-1:].name":                 {"string": "two"},
		".spec.steps[?(@.ok==true)].name":       {"string": "one"},
		".metadata.labels.a/b\\.c":              {"string": "d"},
		".metadata.creationTimestamp":           {"date": "0s"},
		".kind":                                 {"string": "Widget"},
		".apiVersion":                           {"string": "example.com/v1"},
		".metadata.name":                        {"string": "w"},
		`.spec.steps[?(@.name=="two")]['name']`: {"string": "two"},
	} {
		for columnType, value := range want {
			k := columned(t, fmt.Sprintf("[{name: C, type: %s, jsonPath: %q}]", columnType, path))
			if got := k.Cells(o, now)[1]; got != value {
				t.Errorf("%s as %s is %#v, want %#v", path, columnType, got, value)
			}
		}
	}
}

func TestColumns(t *testing.T) {
	names := func(k *schemas.Kind) (all []string) {
		for _, c := range k.Columns {
			all = append(all, c.Name+":"+c.Type+":"+c.Format)
		}
		return all
	}
	if got, want := names(columned(t, "[]")), []string{"Name:string:name", "Age:date:"}; !slices.Equal(got, want) {
		t.Errorf("without columns: %q, want %q", got, want)
	}
	if got, want := names(columned(t, "[{name: Phase, type: string, jsonPath: .status.phase}]")), []string{"Name:string:name", "Phase:string:"}; !slices.Equal(got, want) {
		t.Errorf("with a column: %q, want %q", got, want)
	}
}

func TestCellsSurviveABrokenObject(t *testing.T) {
	k := columned(t, "[{name: C, type: string, jsonPath: .spec.a}]")
	o := &api.Object{Spec: json.RawMessage(`{"a":`)}
	o.Name = "w"
	if got := k.Cells(o, time.Now()); got[0] != "w" || got[1] != nil {
		t.Errorf("got %v", got)
	}
}

func TestFieldSetOfAnEvent(t *testing.T) {
	k := builtin(t, "Event")
	got := k.FieldSet(object(t, `
metadata: {name: e, namespace: default}
type: Normal
reason: Started
involvedObject: {kind: Pipeline, name: p, namespace: default, uid: u, apiVersion: powernode.io/v1}
reportingComponent: powernode`))
	for label, want := range map[string]string{
		"metadata.name": "e", "metadata.namespace": "default", "type": "Normal", "reason": "Started",
		"involvedObject.kind": "Pipeline", "involvedObject.name": "p", "involvedObject.namespace": "default",
		"involvedObject.uid": "u", "involvedObject.apiVersion": "powernode.io/v1",
		"involvedObject.fieldPath": "", "involvedObject.resourceVersion": "",
		"reportingComponent": "powernode", "source": "powernode",
	} {
		value, there := got[label]
		if !there || value != want {
			t.Errorf("%s is %q, want %q", label, value, want)
		}
		if !k.FieldSelectable(label) {
			t.Errorf("%s can't be selected by", label)
		}
	}
	if len(got) != 13 || k.FieldSelectable("message") {
		t.Errorf("more can be selected by than should: %v", got)
	}
}
