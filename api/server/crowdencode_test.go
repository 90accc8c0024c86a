package server_test

import "testing"

// An event is encoded once for each form in which it is watched, however many watch: the object and
// the line around it, whole and as metadata alone.
func TestAnEventIsEncodedOnceForAll(t *testing.T) {
	h := start(t)
	first := h.widget("first", 1)
	const each, changes = 15, 8
	var streams []*stream
	for range each {
		streams = append(streams,
			h.stream(widgets+"?watch=1&resourceVersion="+first.ResourceVersion),
			h.stream(widgets+"?watch=1&resourceVersion="+first.ResourceVersion, "Accept", "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"))
	}
	objects, events := h.server.Encoded()
	for n := range changes {
		h.want(h.merge(widgets+"/first", `{"spec":{"size":`+string(rune('2'+n))+`}}`), 200)
	}
	for _, s := range streams {
		for range changes {
			s.next("MODIFIED")
		}
	}
	allObjects, allEvents := h.server.Encoded()
	if made := allEvents - events; made != 2*changes {
		t.Errorf("%d events were encoded for %d changes in 2 forms and %d watchers", made, changes, len(streams))
	}
	if made := allObjects - objects; made != 2*changes { // one of them is the answer to the write, too
		t.Errorf("%d objects were encoded for %d changes in 2 forms and %d watchers", made, changes, len(streams))
	}
}
