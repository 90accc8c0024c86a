package server_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
)

const (
	coreEvents = "/api/v1/namespaces/default/events"
	newEvents  = "/apis/events.k8s.io/v1/namespaces/default/events"
	newEvent   = `{"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{"name":"one.1"},"eventTime":"2026-01-02T03:04:05.678901Z",
		"reportingController":"example.org/painter","reportingInstance":"painter-0","action":"Paint","reason":"Painted","type":"Normal","note":"it is red now",
		"regarding":{"apiVersion":"test.powernode.io/v1","kind":"Widget","namespace":"default","name":"one","uid":"u"}}`
)

func TestAnEventIsTheSameInBothGroups(t *testing.T) {
	h := start(t)
	created := h.want(h.post(newEvents, newEvent), 201).json(t)
	if created["apiVersion"] != "events.k8s.io/v1" || created["note"] != "it is red now" {
		t.Errorf("created %v", created)
	}
	old := h.want(h.get(coreEvents+"/one.1"), 200).json(t)
	for name, want := range map[string]string{"apiVersion": "v1", "message": "it is red now", "reportingComponent": "example.org/painter", "reportingInstance": "painter-0", "eventTime": "2026-01-02T03:04:05.678901Z"} {
		if old[name] != want {
			t.Errorf("%s: %v, want %s", name, old[name], want)
		}
	}
	if old["regarding"] != nil || old["note"] != nil || old["involvedObject"].(map[string]any)["name"] != "one" {
		t.Errorf("core: %v", old)
	}
	h.want(h.post(coreEvents, `{"metadata":{"name":"one.2"},"involvedObject":{"kind":"Widget","namespace":"default","name":"one"},"reason":"Dried","message":"dry","type":"Normal",
		"count":3,"firstTimestamp":"2026-01-02T03:04:05Z","lastTimestamp":"2026-01-02T03:04:06Z","source":{"component":"dryer","host":"h"}}`), 201)
	renewed := h.want(h.get(newEvents+"/one.2"), 200).json(t)
	source, _ := renewed["deprecatedSource"].(map[string]any)
	if renewed["note"] != "dry" || renewed["deprecatedCount"] != 3.0 || renewed["deprecatedFirstTimestamp"] != "2026-01-02T03:04:05Z" ||
		renewed["deprecatedLastTimestamp"] != "2026-01-02T03:04:06Z" || source["component"] != "dryer" || renewed["count"] != nil {
		t.Errorf("events.k8s.io: %v", renewed)
	}
	for path, want := range map[string]int{
		newEvents + "?fieldSelector=regarding.name%3Done":                            2,
		newEvents + "?fieldSelector=regarding.name%3Dother":                          0,
		newEvents + "?fieldSelector=reportingController%3Dexample.org/painter":       1,
		newEvents + "?fieldSelector=reason%3DDried":                                  1,
		coreEvents + "?fieldSelector=involvedObject.name%3Done":                      2,
		coreEvents + "?fieldSelector=reportingComponent%3Dexample.org/painter":       1,
		coreEvents + "?fieldSelector=involvedObject.kind%3DWidget,reason%21%3DDried": 1,
	} {
		var list struct{ Items []map[string]any }
		if err := json.Unmarshal([]byte(h.want(h.get(path), 200).body), &list); err != nil || len(list.Items) != want {
			t.Errorf("%s: %d items, want %d, %v", path, len(list.Items), want, err)
		}
	}
	h.refused(h.get(newEvents+"?fieldSelector=involvedObject.name%3Done"), 400, metav1.StatusReasonBadRequest, "field label not supported")
	h.want(h.do("DELETE", newEvents+"/one.2", ""), 200)
	h.want(h.get(coreEvents+"/one.2"), 404)
}

func TestAnEventInNewWordsIsChecked(t *testing.T) {
	h := start(t)
	for field, doc := range map[string]string{
		"eventTime":           strings.Replace(newEvent, `"eventTime":"2026-01-02T03:04:05.678901Z",`, "", 1),
		"reportingController": strings.Replace(newEvent, "example.org/painter", "a b", 1),
		"reportingInstance":   strings.Replace(newEvent, "painter-0", "", 1),
		"action":              strings.Replace(newEvent, `"Paint"`, `""`, 1),
		"type":                strings.Replace(newEvent, "Normal", "Strange", 1),
		"note":                strings.Replace(newEvent, "it is red now", strings.Repeat("x", 1025), 1),
	} {
		h.refused(h.post(newEvents, doc), 422, metav1.StatusReasonInvalid, field)
	}
	h.want(h.post(newEvents, newEvent), 201)
	h.refused(h.merge(newEvents+"/one.1", `{"note":"it is blue now"}`), 422, metav1.StatusReasonInvalid, "note: Invalid value: field is immutable")
	series := h.want(h.do("PATCH", newEvents+"/one.1", `{"series":{"count":2,"lastObservedTime":"2026-01-02T03:05:05.000000Z"}}`, "Content-Type", "application/strategic-merge-patch+json"), 200)
	contains(t, "series", series.body, `"count":2`, "it is red now")
	contains(t, "series in the core group", h.get(coreEvents+"/one.1").body, `"series":{"count":2`)
}

func TestAWatchInEitherGroupShowsAllEvents(t *testing.T) {
	h := start(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	clients := h.clients()
	core, err := clients.CoreV1().Events("default").Watch(ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=one"})
	if err != nil {
		t.Fatal(err)
	}
	renewed, err := clients.EventsV1().Events("default").Watch(ctx, metav1.ListOptions{FieldSelector: "regarding.name=one"})
	if err != nil {
		t.Fatal(err)
	}
	h.want(h.post(newEvents, newEvent), 201)
	if e, ok := (<-core.ResultChan()).Object.(*corev1.Event); !ok || e.Message != "it is red now" {
		t.Errorf("core: %v", e)
	}
	if e, ok := (<-renewed.ResultChan()).Object.(*eventsv1.Event); !ok || e.Note != "it is red now" {
		t.Errorf("events.k8s.io: %v", e)
	}
}

// recorded waits for an event of a reason that was counted so often.
func recorded(t *testing.T, h *harness, reason string, count int32) *corev1.Event {
	t.Helper()
	var found *corev1.Event
	eventually(t, "event "+reason, func() bool {
		list, err := h.clients().CoreV1().Events("default").List(context.Background(), metav1.ListOptions{FieldSelector: "reason=" + reason})
		if err != nil || len(list.Items) != 1 {
			return false
		}
		found = &list.Items[0]
		return found.Count == count || found.Series != nil && found.Series.Count == count
	})
	return found
}

func TestTheRecordersOfClientGo(t *testing.T) {
	h := start(t)
	about := &corev1.ObjectReference{APIVersion: "test.powernode.io/v1", Kind: "Widget", Namespace: "default", Name: "one", UID: "u"}

	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: h.clients().EventsV1()})
	if err := broadcaster.StartRecordingToSinkWithContext(klog.NewContext(t.Context(), klog.Background())); err != nil {
		t.Fatal(err)
	}
	defer broadcaster.Shutdown()
	recorder := broadcaster.NewRecorder(scheme.Scheme, "example.org/painter")
	recorder.Eventf(about, nil, corev1.EventTypeNormal, "Painted", "Paint", "it is %s now", "red")
	first := recorded(t, h, "Painted", 0)
	if first.Message != "it is red now" || first.Action != "Paint" || first.ReportingController != "example.org/painter" || first.EventTime.IsZero() {
		t.Errorf("recorded %+v", first)
	}
	recorder.Eventf(about, nil, corev1.EventTypeNormal, "Painted", "Paint", "it is %s now", "red")
	recorded(t, h, "Painted", 2)

	older := record.NewBroadcaster(record.WithContext(t.Context()))
	older.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: h.clients().CoreV1().Events("")})
	defer older.Shutdown()
	oldRecorder := older.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "dryer"})
	for range 3 {
		oldRecorder.Event(runtime.Object(about), corev1.EventTypeWarning, "Wet", "it is wet")
	}
	if e := recorded(t, h, "Wet", 3); e.Source.Component != "dryer" || e.LastTimestamp.Time.Before(time.Now().Add(-time.Hour)) {
		t.Errorf("recorded %+v", e)
	}
}

func TestKubectlShowsEventsInNewWords(t *testing.T) {
	k := startKubectl(t)
	one := k.widget("one", 1)
	k.want(k.post(newEvents, strings.Replace(newEvent, `"uid":"u"`, `"uid":"`+string(one.UID)+`"`, 1)), 201)
	k.run(args("describe wd one"), "Painted", "example.org/painter", "it is red now")
	k.run(args("events --for widget/one"), "Normal", "Painted", "it is red now")
	k.run(args("get events.events.k8s.io"), "LAST SEEN", "widget/one", "it is red now")
}
