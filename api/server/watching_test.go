package server_test

import (
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What api.md §4 says of where a watch starts and what it is told.
func TestWatchingCaseByCase(t *testing.T) {
	h := start(t)
	const all = "?watch=1&allowWatchBookmarks=true"
	const list = all + "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
	a := h.widget("a", 1)
	b := h.widget("b", 1)
	for query, first := range map[string]string{
		all:                        "ADDED a",
		all + "&resourceVersion=0": "ADDED a",
		all + "&resourceVersion=" + a.ResourceVersion: "ADDED b",
		list: "ADDED a",
		list + "&resourceVersion=" + a.ResourceVersion: "ADDED a",
		all + "&fieldSelector=metadata.name=b":         "ADDED b",
	} {
		eventType, name, _ := strings.Cut(first, " ")
		w := h.stream(widgets + query)
		if got := w.next(eventType).object(w); got.Name != name {
			t.Errorf("%s: got %s, want %s", query, got.Name, first)
		}
	}
	ahead := h.get(widgets + list + "&resourceVersion=99999")
	st := h.refused(ahead, 504, metav1.StatusReasonTimeout, "Too large resource version")
	if ahead.header.Get("Retry-After") != "1" || len(st.Details.Causes) != 1 || st.Details.Causes[0].Type != metav1.CauseTypeResourceVersionTooLarge {
		t.Errorf("%s %v", ahead, ahead.header)
	}

	now, err := strconv.Atoi(b.ResourceVersion)
	if err != nil {
		t.Fatal(err)
	}
	future := h.stream(widgets + all + "&resourceVersion=" + strconv.Itoa(now+1)) // waits until it has come
	c, d := h.widget("c", 1), h.widget("d", 1)
	if got := future.next("ADDED").object(future); got.Name != "d" || d.ResourceVersion == c.ResourceVersion {
		t.Errorf("from the future: %s", got.Name)
	}

	for accept, kind := range map[string]string{metaAccept: "PartialObjectMetadata", tableAccept: "Table", "application/json": "Widget"} {
		w := h.stream(widgets+list+"&fieldSelector=metadata.name=a", "Accept", accept)
		contains(t, accept, string(w.next("ADDED").Object), `"kind":"`+kind+`"`)
		contains(t, accept, string(w.next("BOOKMARK").Object), `"kind":"`+kind+`"`, "initial-events-end")
	}
}

// What selectors let in and out, by labels and by fields, is added and deleted for its watcher.
func TestWatchersOfASelectionSeeWhatComesAndGoes(t *testing.T) {
	h := start(t)
	h.widget("a", 1)
	byLabel := h.stream(widgets + "?watch=1&labelSelector=in%3Dyes")
	byField := h.stream(widgets + "?watch=1&resourceVersion=1&fieldSelector=status.phase%3DUp")
	in := h.want(h.merge(widgets+"/a", `{"metadata":{"labels":{"in":"yes"}}}`), 200).object(t)
	if got := byLabel.next("ADDED").object(byLabel); got.ResourceVersion != in.ResourceVersion {
		t.Errorf("in: %+v", got)
	}
	h.want(h.merge(widgets+"/a/status", `{"status":{"phase":"Up"}}`), 200)
	byLabel.next("MODIFIED")
	byField.next("ADDED")
	out := h.want(h.merge(widgets+"/a", `{"metadata":{"labels":{"in":"no"}},"spec":{"size":7}}`), 200).object(t)
	left := byLabel.next("DELETED").object(byLabel)
	if left.ResourceVersion != out.ResourceVersion || left.Labels["in"] != "yes" || !strings.Contains(string(left.Spec), `"size":1`) {
		t.Errorf("left: %+v %s", left, left.Spec)
	}
	byField.next("MODIFIED")
	h.want(h.do("DELETE", widgets+"/a", ""), 200)
	gone := byField.next("DELETED").object(byField)
	if gone.ResourceVersion == out.ResourceVersion {
		t.Errorf("the revision of the deletion: %s after %s", gone.ResourceVersion, out.ResourceVersion)
	}
	h.widget("b", 1) // concerns neither
	h.want(h.post(widgets, `{"metadata":{"name":"c","labels":{"in":"yes"}},"spec":{"size":1}}`), 201)
	if got := byLabel.next("ADDED").object(byLabel); got.Name != "c" {
		t.Errorf("got %+v", got)
	}
}
